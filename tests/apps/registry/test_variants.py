"""Rounded files of a version: registered only whole, shown with their loss, taken away, chosen for an endpoint."""

import hashlib
import json
from typing import Any

import pytest
from django.test import Client

from apps.registry.models import ModelVersion
from contracts.jobs import StoredFile
from contracts.wire import from_wire
from tests.apps.training.trainer import Trainer, package, queued_run
from tests.people import People

pytestmark = pytest.mark.django_db
SMALL = b"the bytes of a small model"
SHA256 = hashlib.sha256(SMALL).hexdigest()
VARIANT = {
    "precision": "int8", "sha256": SHA256, "size_bytes": len(SMALL), "latency_ms": 0.1, "p95_ms": 0.2,
    "joules_per_1000": 1.5, "energy_source": "estimate", "rows": 321, "changed_labels": 0.0031,
    "mean_difference": 0.002, "change": {"log_loss": 0.0007, "accuracy": -0.0031},
}  # fmt: skip


def finished(people: People, *, left_out: str = "", **small: Any) -> ModelVersion | None:
    """What comes of a run whose package has an int8 variant."""
    run = queued_run(people.organisation)
    trainer = Trainer.joined(name=f"trainer {run.id}")
    trainer.claim()
    files = package(variants=[VARIANT], joules_per_1000=4.5, joules_source="rapl", deploys="int8")
    described = json.loads(files["manifest.json"]) | {"model_sha256": SHA256, "precision": "int8"} | small
    files |= {"model.int8.onnx": SMALL, "vectors.int8.json": b'{"groups": []}'}
    files["manifest.int8.json"] = json.dumps(described).encode()
    files["vectors.json"] = b'{"groups": []}'
    stored: list[Any] = [trainer.put(name, content) for name, content in files.items() if name != left_out]
    put = [from_wire(StoredFile, answer.json()) for answer in stored]
    done: Any = trainer.finish(files=put, metrics={"accuracy": 0.9}, baseline={"accuracy": 0.4})
    assert done.status_code == 200, done.content
    return ModelVersion.objects.filter(run=run).first()


def test_a_whole_variant_is_registered_and_is_what_the_run_asked_to_deploy(credit: People) -> None:
    version = finished(credit)
    assert version is not None
    assert version.precisions == ["fp32", "int8"]
    assert version.deploys == "int8"
    assert version.sha256_in("int8") == SHA256 != version.sha256_in("fp32")


@pytest.mark.parametrize("fault", [{"left_out": "model.int8.onnx"}, {"model_sha256": "0" * 64}])
def test_a_variant_that_is_not_what_its_papers_say_makes_no_version(credit: People, fault: dict[str, Any]) -> None:
    assert finished(credit, **fault) is None


def test_the_page_shows_the_loss_the_energy_with_its_source_and_the_ways_to_take_it(credit: People) -> None:
    version = finished(credit)
    assert version is not None
    client = Client()
    client.force_login(credit.alice)
    page = client.get(f"/o/{credit.organisation.slug}/model-versions/{version.id}/").content.decode()
    assert "0.31 % of labels change" in page or "0.3 % of labels change" in page
    assert "measured by the processor (RAPL)" in page
    assert f"?model_version={version.id}@int8" in page
    assert "model.int8.onnx" in page
    new = client.get(f"/o/{credit.organisation.slug}/endpoints/new?model_version={version.id}@fp32").content.decode()
    assert f'<option value="{version.id}@fp32" selected>' in new
