"""An endpoint that keeps its requests, and requests as a server ships them."""

import base64
import io
import json
import time
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from apps.compute.models import Pool
from apps.endpoints.services.change_endpoint import change_endpoint
from apps.endpoints.services.create_endpoint import create_endpoint
from apps.learning.models import LoggedRequest
from apps.learning.services.keep_requests import keep_requests
from apps.ledger.models import Price
from apps.ledger.services.fill_price_book import fill_price_book
from apps.registry.models import Model
from contracts.ids import new_id
from contracts.request_log import KeptRequest
from tests.people import give_credit, make_people
from tests.things import a_dataset_version, a_finished_run, a_model_version

COLUMNS = [
    {"name": "mass", "type": "number", "storage": "double", "unique": 90, "missing": 0, "missing_share": 0.0},
    {"name": "species", "type": "category", "storage": "string", "unique": 2, "categories": ["a", "b"]},
]


@pytest.fixture
def world(db: None, storage: Any) -> SimpleNamespace:
    """Two versions of one model of a real table; the first is served and keeps all requests."""
    Pool.objects.get_or_create(name="cpu", defaults={"title": "cpu", "slots": 16})  # a test with real transactions
    fill_price_book(Price)  # may have emptied what migrations put there
    people = make_people()
    give_credit(people.organisation)
    data = a_dataset_version(people.organisation, columns=COLUMNS)
    table = pa.table({"mass": [float(n) for n in range(100)], "species": ["a", "b"] * 50})
    file = io.BytesIO()
    pq.write_table(table, file)
    data.canonical_key = default_storage.save("datasets/learning.parquet", ContentFile(file.getvalue()))
    data.canonical_bytes = file.tell()
    data.save()
    model = Model.objects.create(
        organisation=people.organisation,
        name="penguins",
        task="tabular_classification",
        target="species",
        dataset=data.dataset,
    )
    runs = [a_finished_run(people.organisation, dataset_version=data) for _ in range(2)]
    first, second = (a_model_version(people.organisation, model=model, run=run, dataset_version=data) for run in runs)
    endpoint = create_endpoint(people.organisation, name="penguins", model_version=first, created_by=people.bob)
    endpoint = change_endpoint(endpoint, request_log={"share": 1.0}, by=people.bob)
    bob = Client()
    bob.force_login(people.bob)
    return SimpleNamespace(people=people, data=data, first=first, second=second, endpoint=endpoint, bob=bob)


def kept(world: SimpleNamespace, rows: list[dict[str, Any]], said: list[str], **fields: Any) -> KeptRequest:
    """As a server ships it."""
    predictions = [{"label": label, "probabilities": {label: 1.0}} for label in said]
    values: dict[str, Any] = {
        "id": new_id("req"),
        "endpoint": world.endpoint.pk,
        "at_us": int(time.time() * 1e6),
        "status": 200,
        "deployment": world.endpoint.deployments.get(retired_at=None, shadow=False).pk,
        "model_version": world.first.pk,
        "request_id": "r-1",
        "key": "key_1",
        "latency_ms": 1.5,
        "units": len(rows),
        "content_type": "application/json",
        "body": base64.b64encode(json.dumps({"rows": rows}).encode()).decode(),
        "answer": json.dumps({"predictions": predictions}),
    }
    return KeptRequest(**values | fields)


def keep(world: SimpleNamespace, mass: float = 3.0, said: str = "a", **fields: Any) -> LoggedRequest:
    one = kept(world, [{"mass": mass}], [said], **fields)
    assert keep_requests([one]) == 1
    return LoggedRequest.objects.get(pk=one.id)
