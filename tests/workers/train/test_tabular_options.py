"""What a run on a table may ask for, and columns beyond plain numbers: thresholds, splits, dates, rare classes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.manifests import ColumnSpec, EvaluationReport, ModelManifest
from contracts.wire import from_wire
from tests.workers.train.jobs import COLUMNS, job_folder, lines_of, table_bytes
from workers.train import ensemble, metrics, readers
from workers.train.failures import UserFailure
from workers.train.run import run

QUICK = {"families": ["linear"], "budget_seconds": 30.0}
DAY_US = 86_400_000_000


def travelled(folder: Path) -> tuple[dict[str, Any], ModelManifest, EvaluationReport]:
    run(folder, threads=1)
    read = {name: json.loads((folder / f"out/{name}.json").read_text()) for name in ("manifest", "evaluation")}
    result = json.loads((folder / "result.json").read_text())
    return result, from_wire(ModelManifest, read["manifest"]), from_wire(EvaluationReport, read["evaluation"])


def binary_table(rows: int = 300) -> dict[str, Any]:
    random = np.random.default_rng(5)
    days = random.integers(0, 3000, rows)
    width = random.normal(0, 1, rows)
    weekday = (days + 3) % 7
    is_yes = width + 1.5 * (weekday >= 5) + random.normal(0, 1, rows) > 2.0
    return {
        "width": pa.array(width),
        "day": pa.array(days * DAY_US, pa.timestamp("us", tz="UTC")),
        "shop": pa.array([f"s{one}" for one in random.integers(0, 12, rows)]),
        "kind": pa.array(np.where(is_yes, "yes", "no").tolist()),
    }


BINARY_COLUMNS = [
    {"name": "width", "type": "number"},
    {"name": "day", "type": "datetime"},
    {"name": "shop", "type": "id"},
    {"name": "kind", "type": "category"},
]


def binary_folder(folder: Path, **wishes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(binary_table()), folder / "table")
    return job_folder(folder, (folder / "table").read_bytes(), **{**QUICK, "columns": BINARY_COLUMNS, **wishes})


def test_the_label_follows_the_threshold_that_the_metric_asks_for(tmp_path: Path) -> None:
    folder = binary_folder(tmp_path, options={"metric": "f1"})
    _, manifest, report = travelled(folder)
    assert manifest.meaning.threshold == report.threshold < 0.5  # few are "yes": a lower bar finds more of them
    random = np.random.default_rng(6)
    feed = {
        "width": random.normal(1, 1, (200, 1)).astype(np.float32),
        "day": random.integers(0, 3000, (200, 1)) * 86_400.0,
        "shop": np.full((200, 1), "s1", dtype=object),
    }
    session = onnxruntime.InferenceSession(str(folder / "out/model.onnx"))
    label, shares = session.run(["label", "probabilities"], feed)
    assert list(label == "yes") == list(shares[:, 1] >= np.float32(manifest.meaning.threshold))
    assert (shares.argmax(axis=1) != (label == "yes")).any()


def test_dates_are_seconds_for_the_graph_and_the_weekday_is_found(tmp_path: Path) -> None:
    _, manifest, report = travelled(binary_folder(tmp_path))
    kinds = {tensor.name: tensor.datatype for tensor in manifest.inputs}
    assert kinds == {"width": "FP32", "day": "FP64", "shop": "BYTES"}
    drops = {row["column"]: row["drop"] for row in report.importance}
    assert drops["day"] > 2 * abs(drops["shop"])


def test_a_split_by_time_tests_on_the_newest_rows(tmp_path: Path) -> None:
    folder = binary_folder(tmp_path, options={"splits": {"kind": "time", "column": "day"}})
    _, _, report = travelled(folder)
    days = np.asarray(binary_table()["day"].cast(pa.int64())) / DAY_US
    tested = days[[row["row"] for row in report.examples]]
    assert len(tested) == report.rows == 60
    assert tested.min() >= np.sort(days)[-60]


def test_a_split_by_a_column_that_cannot_divide_is_refused(tmp_path: Path) -> None:
    folder = binary_folder(tmp_path, options={"splits": {"kind": "time", "column": "shop"}})
    with pytest.raises(UserFailure, match="yours:invalid"):
        run(folder, threads=1)


def test_a_class_of_two_rows_is_no_reason_to_refuse(tmp_path: Path) -> None:
    kinds = pa.array(["rare", "rare", *["large", "small"] * 119])
    wishes = {**QUICK, "families": ["linear", "extra_trees", "xgboost"]}
    _, manifest, _ = travelled(job_folder(tmp_path, table_bytes(kind=kinds), **wishes))
    assert manifest.meaning.classes == ["large", "rare", "small"]


def test_what_cannot_be_learned_ships_the_simplest_guess_and_says_so(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    columns = [{"name": "noise", "type": "number"}, {"name": "price", "type": "number"}]
    pq.write_table(pa.table({"noise": random.normal(0, 1, 60), "price": random.normal(5, 1, 60)}), tmp_path / "table")
    wishes = {**QUICK, "columns": columns, "task": "tabular_regression", "target": "price"}
    folder = job_folder(tmp_path, (tmp_path / "table").read_bytes(), **wishes)
    result, _, _ = travelled(folder)
    assert result["metrics"]["rmse"] <= result["baseline"]["rmse"] * 1.05


def test_the_threshold_moves_only_when_that_helps() -> None:
    random = np.random.default_rng(8)
    yes = random.random(2000)
    truth = (random.random(2000) < yes).astype(np.int64)
    assert ensemble.best_threshold(yes, truth, "accuracy") == pytest.approx(0.5, abs=0.05)
    truth = (random.random(2000) < yes * 0.4).astype(np.int64)
    found = ensemble.best_threshold(yes * 0.4, truth, "f1")
    assert found < 0.3
    named = [metrics.of_labels(truth, (yes * 0.4 >= one).astype(np.int64), "f1") for one in (found, 0.5)]
    assert named[0] > named[1]


def test_a_table_beyond_the_limit_is_sampled_batch_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "SAMPLE_BATCH_ROWS", 700)
    rows = 10_000
    values = np.arange(rows, dtype=np.float64)
    pq.write_table(pa.table({"x": values, "word": [f"w{i}" for i in range(rows)]}), tmp_path / "t", row_group_size=900)
    specs = [ColumnSpec("x", "number"), ColumnSpec("word", "category")]
    table, drawn = readers.read_sample(tmp_path / "t", specs, 1_000, seed=3)
    assert 900 < table.rows == len(drawn) < 1100
    np.testing.assert_array_equal(table.columns["x"], values[drawn].astype(np.float32))
    assert list(table.columns["word"][:3]) == [f"w{i}" for i in drawn[:3]]
    again, _ = readers.read_sample(tmp_path / "t", specs, 1_000, seed=3)
    np.testing.assert_array_equal(again.columns["x"], table.columns["x"])


def test_a_sampled_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.train.recipes.tabular.ROWS_PER_S", 10)
    folder = job_folder(tmp_path, table_bytes(600), columns=COLUMNS, **QUICK)
    travelled(folder)
    assert any("600 rows; a random sample of" in line["line"] for line in lines_of(folder, "log"))
