"""One thing of every kind in Alice's organisation, for the tests that try to reach them from outside."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.accounts.models import Membership
from apps.accounts.services.invite_member import invite_member
from apps.billing.models import CreditNote, Invoice, TopUp
from apps.billing.services.change_plan import start_default_plan
from apps.compute.models import Pool
from apps.datasets.models import Dataset, DatasetVersion
from apps.endpoints.models import Batch, Deployment, Endpoint
from apps.learning.models import LoggedRequest, Replay, Retraining, RetrainingPolicy
from apps.ledger.models import Budget
from apps.metering.models import UsageEvent
from apps.registry.models import Model, ModelVersion
from apps.training.models import Run
from apps.webhooks.services.change_webhook import create_webhook, send_ping
from contracts.ids import new_id
from contracts.manifests import (
    ColumnSpec,
    EvaluationReport,
    ModelManifest,
    OutputMeaning,
    ParityCertificate,
    TensorSpec,
)
from contracts.usage import METER_PREDICTIONS
from contracts.wire import to_wire
from tests.people import People, give_credit, key_for


@dataclass
class World:
    people: People
    ids: dict[str, Any] = field(default_factory=dict)  # kind -> id, as addresses carry it


def make_world(people: People) -> World:
    """Alice's organisation with everything in it; the rows are as complete as the pages need them."""
    world = World(people)
    organisation = people.organisation
    give_credit(organisation)
    give_credit(people.elsewhere)  # else a first look at the credit opens a wallet
    key, _ = key_for(organisation, people.alice)
    invitation = invite_member(organisation, email="d@example.com", role="viewer", invited_by=people.alice)
    world.ids |= {
        "member": people.bob.pk,
        "membership": Membership.objects.of(organisation).get(user=people.alice).pk,  # everybody may remove himself
        "key": key.pk,
        "invitation": invitation.pk,
    }
    _trained(world)
    _served(world)
    _billed(world)
    return world


MANIFEST = ModelManifest(
    task="tabular_classification",
    target="species",
    model_sha256="1" * 64,
    model_bytes=2,
    opset=17,
    inputs=[TensorSpec("length", "FP32", [-1, 1])],
    outputs=[TensorSpec("label", "BYTES", [-1]), TensorSpec("probabilities", "FP32", [-1, 2])],
    meaning=OutputMeaning("classification", "label", "probabilities", classes=["a", "b"]),
    columns=[ColumnSpec("length", "number", tensor="length", example=1.5)],
    metrics={"accuracy": 0.9},
    baseline={"accuracy": 0.5},
)
EVALUATION = EvaluationReport(
    metrics={"accuracy": 0.9},
    baseline={"accuracy": 0.5},
    primary_metric="accuracy",
    higher_is_better=True,
    rows=30,
    classes=["a", "b"],
    confusion=[[14, 1], [2, 13]],
)
PARITY = ParityCertificate(30, [1, 8], 1e-7, 1e-4, 0, True, "torch", "onnxruntime")


def _stored(name: str, content: bytes) -> str:
    return default_storage.save(f"world/{name}", ContentFile(content))


def _file(name: str, content: bytes) -> dict[str, Any]:
    return {
        "storage_key": _stored(name, content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
    }


def _trained(world: World) -> None:
    organisation, alice = world.people.organisation, world.people.alice
    dataset = Dataset.objects.create(organisation=organisation, name="Iris", created_by=alice)
    version = DatasetVersion.objects.create(
        organisation=organisation,
        dataset=dataset,
        number=1,
        state="ready",
        file_name="iris.csv",
        upload_key=_stored("upload", b"a,b\n1,2\n"),
        upload_sha256="0" * 64,
        format="parquet",
        canonical_key=_stored("canonical", b"PAR1"),
        rows=150,
    )
    pool, _ = Pool.objects.get_or_create(name="cpu", defaults={"title": "CPU"})
    run = Run.objects.create(
        organisation=organisation,
        name="first",
        dataset_version=version,
        task="tabular_classification",
        target="species",
        budget_seconds=60,
        max_cost_micros=1_000_000,
        price="prc_x",
        unit_price_micros=500,
        pool=pool,
        state="succeeded",
        not_before=timezone.now(),
        created_by=alice,
    )
    model = Model.objects.create(
        organisation=organisation, name="Iris", task=run.task, target=run.target, dataset=dataset
    )
    contents = {"manifest.json": MANIFEST, "evaluation.json": EVALUATION, "parity.json": PARITY}
    files = {name: _file(name, json.dumps(to_wire(document)).encode()) for name, document in contents.items()}
    files["model.onnx"] = _file("model.onnx", b"onnx")
    model_version = ModelVersion.objects.create(
        organisation=organisation,
        model=model,
        number=1,
        run=run,
        dataset_version=version,
        family="linear",
        model_sha256="1" * 64,
        model_bytes=2,
        files=files,
        manifest=to_wire(MANIFEST),
        parity=to_wire(PARITY),
        metrics=EVALUATION.metrics,
        baseline=EVALUATION.baseline,
    )
    world.ids |= {
        "dataset": dataset.pk,
        "dataset_version": version.pk,
        "run": run.pk,
        "model": model.pk,
        "model_version": model_version.pk,
    }


def _served(world: World) -> None:
    organisation = world.people.organisation
    version = ModelVersion.objects.get(pk=world.ids["model_version"])
    endpoint = Endpoint.objects.create(organisation=organisation, name="iris", created_by=world.people.alice)
    Deployment.objects.create(endpoint=endpoint, model_version=version, edition=1)
    batch = Batch.objects.create(
        organisation=organisation,
        endpoint=endpoint,
        model_version=version,
        input_key=_stored("input", b"{}"),
        input_format="jsonl",
        price="prc_x",
        unit_price_micros=20,
        state="succeeded",
        not_before=timezone.now(),
        result_key=_stored("result", b"{}\n"),
        result_sha256="0" * 64,
        result_bytes=3,
    )
    request = LoggedRequest.objects.create(
        id=new_id("req"),
        organisation=organisation,
        endpoint=endpoint,
        model_version=version,
        at=timezone.now(),
        status=200,
        units=1,
        content_type="image/png",
        body=b"\x89PNG",
        answer={"predictions": [{"label": "a"}]},
    )
    replay = Replay.objects.create(
        organisation=organisation, endpoint=endpoint, model_version=version, batch=batch, rows=[[request.pk, 0]]
    )
    policy = RetrainingPolicy.objects.create(organisation=organisation, endpoint=endpoint)
    retraining = Retraining.objects.create(
        organisation=organisation, policy=policy, due_key="x", state="waiting", new_version=version
    )
    world.ids |= {"request": request.pk, "replay": replay.pk, "retraining": retraining.pk}
    world.ids |= {"endpoint": endpoint.pk, "endpoint_name": endpoint.name, "batch": batch.pk}


def _billed(world: World) -> None:
    organisation = world.people.organisation
    month = timezone.now().date().replace(day=1)
    event = UsageEvent.objects.create(
        id="use_of_acme",
        organisation=organisation,
        meter=METER_PREDICTIONS,
        endpoint=world.ids["endpoint"],
        units=1,
        price="prc_x",
        amount_micros=100,
        currency="USD",
        occurred_at=timezone.now(),
        period=month,
        ledger_ref="x",
    )
    last_month = (month - timedelta(days=1)).replace(day=1)
    invoice = Invoice.objects.create(
        organisation=organisation,
        number="MY-2026-01-000001",
        period_start=last_month,
        period_end=month,
        currency="USD",
        total_micros=0,
        total_minor=0,
        usage_key=_stored("usage.jsonl", b"{}\n"),
        usage_sha256="0" * 64,
    )
    top_up = TopUp.objects.create(organisation=organisation, amount_micros=1_000_000, currency="USD", state="paid")
    budget = Budget.objects.create(
        organisation=organisation, name="b", scope="organisation", scope_id=organisation.pk, limit_micros=1
    )
    note = CreditNote.objects.create(
        organisation=organisation, invoice=invoice, number="CN-1", currency="USD", amount_micros=1, reason="x"
    )
    world.ids |= {"note": note.pk}
    start_default_plan(organisation)
    webhook = create_webhook(organisation, url="https://example.com/hook", by="system")
    world.ids |= {"webhook": webhook.pk, "delivery": send_ping(webhook).pk}
    world.ids |= {"usage": event.pk, "invoice": invoice.pk, "top_up": top_up.pk, "budget": budget.pk}
