"""Models and versions over REST: shown to their owners, downloaded whole, unchanged and under a telling name."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.test import AsyncClient, Client

from apps.registry.models import Model, ModelVersion
from apps.registry.queries import evaluation_of, promotion_of
from tests.apps.training.trainer import Trainer, package, queued_run, ready_version
from tests.people import People, key_for

pytestmark = pytest.mark.django_db


def trained(people: People, **run: Any) -> ModelVersion:
    """Two versions could come of two calls with the same dataset version."""
    started = queued_run(people.organisation, **run)
    trainer = Trainer.joined()
    trainer.claim()
    answer = trainer.finish(files=trainer.put_package(), metrics={"accuracy": 0.9}, baseline={"accuracy": 0.4})
    assert answer.json()["state"] == "succeeded"
    return ModelVersion.objects.get(run=started)


def get(people: People, path: str, *, stranger: bool = False, **headers: str) -> HttpResponse:
    organisation, user = (people.elsewhere, people.charlie) if stranger else (people.organisation, people.alice)
    _, secret = key_for(organisation, user, ("read",))
    return Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}", **headers})


def test_versions_of_one_question_stand_in_one_line(credit: People) -> None:
    version = ready_version(credit.organisation)
    first, second = trained(credit, dataset_version=version), trained(credit, dataset_version=version)
    assert (first.model_id, first.number, second.number) == (second.model_id, 1, 2)
    assert Model.objects.count() == 1
    (line,) = get(credit, "models").json()["data"]
    assert (line["versions"], line["latest_version"]["id"]) == (2, second.id)
    assert get(credit, f"models/{line['id']}").json() == line
    listed = get(credit, f"model-versions?model={line['id']}").json()["data"]
    assert [shown["number"] for shown in listed] == [2, 1]


def test_a_version_shows_its_evidence_and_the_judgement_of_the_gate(credit: People) -> None:
    version = trained(credit)
    shown = get(credit, f"model-versions/{version.id}").json()
    assert (shown["metrics"], shown["baseline"], shown["run"]) == ({"accuracy": 0.9}, {"accuracy": 0.4}, version.run_id)
    assert shown["manifest"]["family"] == "linear"
    assert [check["name"] for check in shown["promotion"]] == ["quality", "parity", "schema", "latency"]
    assert all(check["passed"] for check in shown["promotion"])
    assert evaluation_of(version).primary_metric == "accuracy"
    assert len(promotion_of(version)) == 4


@pytest.mark.parametrize(
    ("address", "file", "content_type"),
    [
        ("files/model.onnx", "model.onnx", "application/octet-stream"),
        ("model.onnx", "model.onnx", "application/octet-stream"),
        ("files/manifest.json", "manifest.json", "application/json"),
        ("manifest.json", "manifest.json", "application/json"),
        ("evaluation", "evaluation.json", "application/json"),
        ("files/evaluation", "evaluation.json", "application/json"),
        ("files/parity.json", "parity.json", "application/json"),
    ],
)
def test_each_file_is_downloaded_as_it_was_put(credit: People, address: str, file: str, content_type: str) -> None:
    version = trained(credit)
    answer = get(credit, f"model-versions/{version.id}/{address}", Accept="text/plain")
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert content == package()[file]
    assert answer["Content-Type"] == content_type
    assert answer["Content-Length"] == str(len(content))
    sha256 = hashlib.sha256(content).hexdigest()
    assert answer["ETag"] == f'"{sha256}"'
    assert f"v1-{file}" in answer["Content-Disposition"]
    known = get(credit, f"model-versions/{version.id}/{address}", **{"If-None-Match": answer["ETag"]})
    assert (known.status_code, known.content) == (304, b"")


def test_a_stranger_finds_nothing(credit: People) -> None:
    version = trained(credit)
    paths = [
        f"models/{version.model_id}",
        f"model-versions/{version.id}",
        f"model-versions/{version.id}/files/model.onnx",
        f"model-versions/{version.id}/model.onnx",
        f"model-versions/{version.id}/manifest.json",
        f"model-versions/{version.id}/evaluation",
    ]
    for path in paths:
        answer = get(credit, path, stranger=True)
        assert (answer.status_code, answer.json()["code"]) == (404, "yours:not-found"), path
        assert Client().get(f"/api/v1/{path}").status_code == 401
    assert get(credit, "models", stranger=True).json()["data"] == []
    assert get(credit, "model-versions", stranger=True).json()["data"] == []


def test_a_file_that_is_not_there_is_named_in_the_answer(credit: People) -> None:
    version = trained(credit)
    for name in ("weights.pt", "..%2F..%2Fsecrets"):
        assert get(credit, f"model-versions/{version.id}/files/{name}").status_code == 404


def test_only_the_package_of_a_finished_run_is_kept(
    credit: People, storage: Path, django_capture_on_commit_callbacks: Any
) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    checkpoint = trainer.put("checkpoint.bin", b"weights").json()
    trainer.call("checkpoint", {"fence": 1, "step": 1, "name": "checkpoint.bin", "sha256": checkpoint["sha256"]})
    with django_capture_on_commit_callbacks(execute=True):
        trainer.finish(files=trainer.put_package())
    kept = {path.name.split("-", 1)[1] for path in (storage / "runs" / run.id).rglob("*") if path.is_file()}
    assert kept == set(package())
    assert set(run.files.values_list("name", flat=True)) == set(package())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("pools")
def test_a_download_is_streamed_in_pieces_under_asgi(credit: People) -> None:
    version = trained(credit)
    big = bytes(700_000)
    Path(default_storage.path(version.files["model.onnx"]["storage_key"])).write_bytes(big)
    _, secret = key_for(credit.organisation, credit.alice, ("read",))

    async def pieces() -> list[bytes]:
        headers = {"Authorization": f"Bearer {secret}"}
        answer = await AsyncClient().get(f"/api/v1/model-versions/{version.id}/files/model.onnx", headers=headers)
        return [piece async for piece in answer.streaming_content]  # type: ignore[attr-defined]

    read = asyncio.run(pieces())
    assert len(read) == 3
    assert b"".join(read) == big
