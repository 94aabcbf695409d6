"""Exported files of five kinds of models in Python's and in Node's ONNX Runtime: 1,000 rows each, the same answers.

Node and its package are no part of the platform: `make parity-node` fetches them; without them this file is left out.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.workers.train.jobs import job_folder, table_bytes, zip_bytes
from tests.workers.train.logs import LOG_JOB, log_bytes
from tests.workers.train.series_data import series_folder, shop_rows, table_of
from tests.workers.train.test_texts import COLUMNS, parquet, reviews
from workers.export import parity, vectors
from workers.train.run import run

EDGE = Path(__file__).resolve().parents[3] / "templates" / "registry" / "edge"
RUNTIME = Path(os.environ.get("NODE_RUNTIME") or Path.home() / ".cache" / "modelyard-node")
ROWS = 1_000

pytestmark = pytest.mark.slow


def _table(folder: Path) -> None:
    job_folder(folder, table_bytes(200), families=["linear", "gradient_boosting"], budget_seconds=6.0)


def _images(folder: Path) -> None:
    wishes = {"task": "image_classification", "target": "", "dataset_format": "zip", "columns": []}
    job_folder(folder, zip_bytes(), **wishes, families=["cnn"], budget_seconds=6.0)


def _texts(folder: Path) -> None:
    texts, moods = reviews()
    wishes = {"task": "text_classification", "target": "mood", "columns": COLUMNS}
    job_folder(folder, parquet(review=texts, mood=moods), **wishes, families=["tfidf_words"], budget_seconds=6.0)


def _recommendation(folder: Path) -> None:
    job_folder(folder, log_bytes(), **LOG_JOB, families=["item_knn"], budget_seconds=6.0)


def _forecasting(folder: Path) -> None:
    series_folder(folder, table_of(shop_rows()), options={"horizon": 14}, families=["theta"], budget_seconds=6.0)


KINDS = {
    "table": _table,
    "images": _images,
    "texts": _texts,
    "recommendation": _recommendation,
    "forecasting": _forecasting,
}


@pytest.fixture(scope="module", params=KINDS)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of a fresh model, its vectors mixed to 1,000 rows, and the checks of the edge bundle."""
    if shutil.which("node") is None or not (RUNTIME / "node_modules" / "onnxruntime-node").is_dir():
        pytest.skip(f"no node, or no onnxruntime-node in {RUNTIME}: `make parity-node` installs it")
    folder = tmp_path_factory.mktemp(request.param)
    KINDS[request.param](folder)
    run(folder, threads=1)
    out = folder / "out"
    for name in ("run.py", "run.mjs", "check.mjs"):
        shutil.copyfile(EDGE / name, out / name)
    kept = json.loads((out / "vectors.json").read_text())
    session = parity.open_session((out / "model.onnx").read_bytes())
    made = vectors.of(
        session,
        mixed(kept),
        model_sha256=kept["model_sha256"],
        tolerance=kept["tolerance"],
        latency_ms=0.0,
    )
    (out / "vectors.json").write_text(json.dumps(made))
    assert made["rows"] == ROWS
    return out


def mixed(kept: dict[str, Any]) -> list[dict[str, np.ndarray]]:
    """1,000 rows whose columns come from different rows of the first group, numbers with a little noise."""
    random = np.random.default_rng(5)
    feed = {}
    for spec in kept["groups"][0]["inputs"]:
        values = read(spec)
        drawn = values[random.integers(0, len(values), ROWS)]
        if values.dtype == np.float32:
            drawn = (drawn * random.normal(1, 0.1, drawn.shape)).astype(np.float32)
        if values.dtype == np.uint8:
            drawn = drawn ^ random.integers(0, 32, drawn.shape, dtype=np.uint8)
        feed[spec["name"]] = drawn
    return [feed]


def read(spec: dict[str, Any]) -> np.ndarray:
    if spec["datatype"] == "BYTES":
        return np.array(spec["data"], dtype=object).reshape(spec["shape"])
    dtype = {code: dtype for dtype, code in vectors.DATATYPES.items()}[spec["datatype"]]
    return np.frombuffer(base64.b64decode(spec["data"]), dtype).reshape(spec["shape"])


def checked(folder: Path, *command: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run([*command, "--json"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_python_repeats_its_own_answers_and_sees_a_changed_weight(bundle: Path, tmp_path: Path) -> None:
    status, result = checked(bundle, sys.executable, "run.py")
    assert (status, result["passed"], result["rows"], result["label_flips"]) == (0, True, ROWS, 0)
    shutil.copytree(bundle, tmp_path / "changed")
    raw = bytearray((tmp_path / "changed" / "model.onnx").read_bytes())
    raw[len(raw) // 2] ^= 0x40
    (tmp_path / "changed" / "model.onnx").write_bytes(raw)
    status, result = checked(tmp_path / "changed", sys.executable, "run.py")
    assert (status, result["passed"]) == (1, False)


def test_node_answers_as_python_does(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, result = checked(bundle, "node", "run.mjs", "--runtime", str(RUNTIME))
    with capsys.disabled():
        print(f"\n{bundle.parent.name}: {result}")
    assert (status, result["passed"], result["label_flips"]) == (0, True, 0)
    assert result["rows"] == ROWS
    assert onnxruntime.__version__ not in result["runtime"]  # another build of the runtime, not the same library
