"""An endpoint that keeps its requests."""

import io
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
from apps.ledger.models import Price
from apps.ledger.services.fill_price_book import fill_price_book
from apps.registry.models import Model
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
