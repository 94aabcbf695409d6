"""The road of a run through the internal API: start, claim, heartbeat, files, finish, model version, charge."""

from pathlib import Path

import pytest

from apps.compute.models import Node
from apps.ledger.models import Hold
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import UsageEvent
from apps.outbox.models import OutboxMessage
from apps.registry.models import ModelVersion
from apps.training.models import Attempt, RunLogLine
from tests.apps.training.trainer import Trainer, queued_run
from tests.people import CREDIT_MICROS, People

pytestmark = pytest.mark.django_db


def test_a_run_becomes_a_model_version_and_is_charged_to_the_second(credit: People) -> None:
    run = queued_run(credit.organisation, started_by=credit.alice)
    assert (run.state, run.max_cost_micros, run.target) == ("queued", 60 * 500 * 12 // 10, "species")
    assert credit_wallet(credit.organisation).held_micros == 36_000
    assert OutboxMessage.objects.filter(topic="wake-trainer", payload__run=run.id).count() == 1

    trainer = Trainer.joined()
    job = trainer.claim()
    assert job is not None
    assert (job.run_id, job.fence, job.attempt, job.budget_seconds) == (run.id, 1, 1, 60.0)
    assert [column["name"] for column in job.columns] == ["mass", "species"]
    candidate = {"family": "linear", "state": "done", "metrics": {"accuracy": 0.8}, "is_best": True}
    beat = trainer.beat(
        1, progress=0.5, compute_seconds=5.0, energy_wh=0.1, log=["hello"], candidates=[candidate],
        curve=[{"step": 1, "train_loss": 0.5}],
    )  # fmt: skip
    assert beat.json() == {"cancel": False, "stop_and_keep_best": False, "lease_seconds": 30}
    files = trainer.put_package()
    trainer.worked_for(20)
    answer = trainer.finish(files=files, metrics={"accuracy": 0.9}, baseline={"accuracy": 0.4}, energy_wh=0.3)
    assert answer.status_code == 200

    run.refresh_from_db()
    version = ModelVersion.objects.get(run=run)
    assert answer.json() == {"state": "succeeded", "model_version": version.id}
    assert (run.state, run.metrics, run.cost_micros) == ("succeeded", {"accuracy": 0.9}, 13 * 500)
    assert (version.number, version.model.name, version.family) == (
        1,
        f"{run.dataset_version.dataset.name}: species",
        "linear",
    )
    assert set(version.files) == {"model.onnx", "manifest.json", "parity.json", "evaluation.json"}
    event = UsageEvent.objects.get(run=run.id)
    assert (event.meter, event.units, event.amount_micros) == ("training_compute_seconds", 13, 6500)
    wallet = credit_wallet(credit.organisation)
    assert (wallet.available_micros, wallet.held_micros) == (CREDIT_MICROS - 6500, 0)
    assert Hold.objects.get(subject=run.id).state == "closed"
    assert Attempt.objects.get(run=run).charged_micros == 6500
    assert RunLogLine.objects.get(run=run).text == "hello"


def test_finishing_twice_makes_one_version_and_one_charge(credit: People) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    files = trainer.put_package()
    trainer.worked_for(20)
    first, second = trainer.finish(files=files), trainer.finish(files=files)
    assert first.json() == second.json()
    assert ModelVersion.objects.filter(run=run).count() == 1
    assert UsageEvent.objects.filter(run=run.id).count() == 1
    assert credit_wallet(credit.organisation).available_micros == CREDIT_MICROS - 6500


def test_the_dataset_is_streamed_to_the_holder_only(credit: People, storage: Path) -> None:
    run = queued_run(credit.organisation)
    place = storage / run.dataset_version.canonical_key
    place.parent.mkdir(parents=True)
    place.write_bytes(b"rows")
    type(run.dataset_version).objects.filter(id=run.dataset_version_id).update(canonical_bytes=4)
    trainer = Trainer.joined()
    trainer.claim()
    assert b"".join(trainer.get("dataset").streaming_content) == b"rows"  # type: ignore[attr-defined]
    other = queued_run(credit.organisation)
    thief = Trainer.joined(name="other")
    thief.claim()
    assert thief.job is not None
    assert thief.job.run_id == other.id
    assert trainer.job is not None
    theirs = f"/internal/v1/runs/{trainer.job.run_id}/dataset"
    answer = thief.client.get(theirs, headers={"Authorization": f"Bearer {thief.job.run_token}"})
    assert answer.status_code == 404


def test_a_node_says_hello_and_a_rotated_token_ends(credit: People) -> None:
    trainer = Trainer.joined()
    hello = {"kind": "train", "boot": "b1", "version": "1", "capabilities": {"cores": 2}}
    answer = trainer.post("/internal/v1/nodes/hello", hello, trainer.token)
    assert (answer.status_code, answer.json()["pool"]) == (200, "cpu")
    assert Node.objects.get(name="trainer").last_seen_at is not None
    Trainer.joined()
    assert trainer.post("/internal/v1/nodes/hello", hello, trainer.token).status_code == 401
