"""The edge bundle: taken away as one ZIP it verifies itself, and notices a model that was touched."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from onnx import TensorProto, helper, numpy_helper

from apps.registry.models import ModelVersion
from contracts.jobs import StoredFile
from contracts.wire import from_wire
from tests.apps.training.trainer import Trainer, package, queued_run
from tests.people import People, key_for
from workers.export import parity, vectors

pytestmark = pytest.mark.django_db
RUNTIME = Path(os.environ.get("NODE_RUNTIME") or Path.home() / ".cache" / "modelyard-node")
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (RUNTIME / "node_modules" / "onnxruntime-node").is_dir(),
    reason=f"no node, or no onnxruntime-node in {RUNTIME}: `make parity-node` installs it",
)


def doubling_model() -> bytes:
    weight = numpy_helper.from_array(np.array([[2.0, -1.0, 0.5]], dtype=np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["mass", "weight"], ["raw"]), helper.make_node("Softmax", ["raw"], ["shares"])],
        "three_classes",
        [helper.make_tensor_value_info("mass", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor_value_info("shares", TensorProto.FLOAT, ["N", 3])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def package_with_vectors(rows: int = 300) -> dict[str, bytes]:
    """A true package: the vectors are what ONNX Runtime said of its model."""
    raw = doubling_model()
    sha256 = hashlib.sha256(raw).hexdigest()
    feed = {"mass": np.random.default_rng(1).normal(size=(rows, 1)).astype(np.float32)}
    session = parity.open_session(raw)
    tests = vectors.of(session, [feed], model_sha256=sha256, tolerance=1e-4, latency_ms=0.01)
    papers = package(parity={"model_sha256": sha256}, model_sha256=sha256, model_bytes=len(raw))
    return {**papers, "model.onnx": raw, "vectors.json": json.dumps(tests).encode()}


@pytest.fixture
def version(credit: People) -> ModelVersion:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    answers: list[Any] = [trainer.put(name, content) for name, content in package_with_vectors().items()]
    files = [from_wire(StoredFile, answer.json()) for answer in answers]
    done: Any = trainer.finish(files=files, metrics={"accuracy": 0.9}, baseline={"accuracy": 0.4})
    assert done.json()["state"] == "succeeded", done.content
    return ModelVersion.objects.get(run=run)


def get(people: People, path: str, *, stranger: bool = False, **headers: str) -> Any:
    organisation, user = (people.elsewhere, people.charlie) if stranger else (people.organisation, people.alice)
    _, secret = key_for(organisation, user, ("read",))
    return Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}", **headers})


def bundle_of(people: People, version: ModelVersion, folder: Path) -> Path:
    answer = get(people, f"model-versions/{version.id}/files/edge.zip")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    raw = b"".join(answer.streaming_content)
    assert answer["X-Content-Sha256"] == hashlib.sha256(raw).hexdigest()
    zipfile.ZipFile(io.BytesIO(raw)).extractall(folder)
    return folder


def run_in(folder: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def change_a_weight(folder: Path) -> None:
    raw = (folder / "model.onnx").read_bytes()
    at = raw.index(np.float32(2.0).tobytes())
    (folder / "model.onnx").write_bytes(raw[:at] + np.float32(2.5).tobytes() + raw[at + 4 :])


def test_the_bundle_holds_the_very_model_and_checks_itself(
    credit: People, version: ModelVersion, tmp_path: Path
) -> None:
    folder = bundle_of(credit, version, tmp_path / "edge")
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "check.mjs",
        "index.html",
        "manifest.json",
        "model.onnx",
        "parity.json",
        "run.mjs",
        "run.py",
        "vectors.json",
    ]
    assert hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest() == version.model_sha256
    assert json.loads((folder / "vectors.json").read_text())["rows"] == 128
    status, said = run_in(folder, sys.executable, "run.py")
    assert status == 0, said
    assert said.startswith("PASS")


def test_a_changed_weight_fails_even_when_the_hash_is_forged(
    credit: People, version: ModelVersion, tmp_path: Path
) -> None:
    folder = bundle_of(credit, version, tmp_path / "edge")
    change_a_weight(folder)
    status, said = run_in(folder, sys.executable, "run.py")
    assert (status, said[:4]) == (1, "FAIL")
    assert "not the file" in said
    tests = json.loads((folder / "vectors.json").read_text())
    tests["model_sha256"] = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    (folder / "vectors.json").write_text(json.dumps(tests))
    status, said = run_in(folder, sys.executable, "run.py")
    assert (status, said[:4]) == (1, "FAIL")
    assert "not the file" not in said


@needs_node
def test_node_passes_the_bundle_and_fails_a_changed_one(credit: People, version: ModelVersion, tmp_path: Path) -> None:
    folder = bundle_of(credit, version, tmp_path / "edge")
    status, said = run_in(folder, "node", "run.mjs", "--runtime", str(RUNTIME))
    assert (status, said[:4]) == (0, "PASS"), said
    change_a_weight(folder)
    status, said = run_in(folder, "node", "run.mjs", "--runtime", str(RUNTIME))
    assert (status, said[:4]) == (1, "FAIL")


@needs_node
def test_the_check_in_node_joins_the_certificate(credit: People, version: ModelVersion) -> None:
    call_command("check_parity", "--version", version.id)
    call_command("check_parity", "--version", version.id)
    (found,) = get(credit, f"model-versions/{version.id}").json()["parity"]["other_runtimes"]
    assert found["runtime"].startswith("onnxruntime-node ")
    assert (found["passed"], found["rows"], found["label_flips"]) == (True, 300, 0)


def test_without_node_the_check_says_what_to_install(
    version: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_RUNTIME", str(tmp_path))
    with pytest.raises(CommandError, match="make parity-node"):
        call_command("check_parity", "--version", version.id)


def test_a_second_request_gets_the_same_bytes_and_a_known_one_none(credit: People, version: ModelVersion) -> None:
    address = f"model-versions/{version.id}/files/edge.zip"
    first, again = get(credit, address), get(credit, address)
    assert b"".join(first.streaming_content) == b"".join(again.streaming_content)
    assert get(credit, address, **{"If-None-Match": first["ETag"]}).status_code == 304


def test_without_a_variant_that_passed_its_gate_there_is_no_int8_bundle(credit: People, version: ModelVersion) -> None:
    address = f"model-versions/{version.id}/files/edge.zip"
    assert get(credit, f"{address}?precision=int8").status_code == 404
    assert get(credit, f"{address}?precision=int4").status_code == 422


def test_a_stranger_gets_no_bundle_and_an_old_version_has_none(credit: People, version: ModelVersion) -> None:
    address = f"model-versions/{version.id}/files/edge.zip"
    assert get(credit, address, stranger=True).status_code == 404
    del version.files["vectors.json"]
    version.save(update_fields=["files"])
    answer = get(credit, address)
    assert (answer.status_code, answer.json()["code"]) == (404, "yours:not-found")
