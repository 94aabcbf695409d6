"""Batches against a real HTTP control: every row gets its line, a bad row fails alone."""

import csv
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from contracts.manifests import IMAGE_CODEC, ColumnSpec, ModelManifest, OutputMeaning, TensorSpec
from contracts.wire import to_wire
from tests.workers.train.jobs import image_bytes
from tests.workers.train.small_control import SmallControl
from workers.batch.supervisor import Supervisor
from workers.control import NodeControl
from workers.export.graph import Graph


@pytest.fixture
def control(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallControl]:
    monkeypatch.setenv("BATCH_DATA", str(tmp_path / "batches"))
    control = SmallControl()
    yield control
    control.close()


def table_model() -> tuple[bytes, ModelManifest]:
    """value = 2·x, plus one where the word is "more"."""
    graph = Graph()
    x = graph.input("x", TensorProto.FLOAT, ["N", 1])
    word = graph.input("word", TensorProto.STRING, ["N", 1])
    more = graph.add(
        "LabelEncoder", word, domain="ai.onnx.ml", keys_strings=["more"], values_floats=[1.0], default_float=0.0
    )
    twice = graph.add("Mul", x, graph.constant(np.float32(2)))
    graph.add("Reshape", graph.add("Add", twice, more), graph.constant(np.array([-1])), output="value")
    graph.output("value", TensorProto.FLOAT, ["N"])
    raw = graph.finish("double").SerializeToString()
    columns = [
        ColumnSpec("x", "number", required=True, tensor="x"),
        ColumnSpec("word", "category", tensor="word"),
        ColumnSpec("id", "id"),
    ]
    inputs = [TensorSpec("x", "FP32", [-1, 1]), TensorSpec("word", "BYTES", [-1, 1])]
    return raw, manifest(
        raw, "tabular_regression", inputs, OutputMeaning("regression", value_tensor="value"), columns=columns
    )


def image_model() -> tuple[bytes, ModelManifest]:
    """bright or dark, by the mean of all pixels."""
    graph = Graph()
    pixels = graph.add("Cast", graph.input("image", TensorProto.UINT8, ["N", "H", "W", 3]), to=TensorProto.FLOAT)
    mean = graph.add(
        "Reshape",
        graph.add("ReduceMean", pixels, graph.constant(np.array([1, 2, 3]))),
        graph.constant(np.array([-1, 1])),
    )
    bright = graph.add("Sigmoid", graph.add("Sub", mean, graph.constant(np.float32(50))))
    dark = graph.add("Sub", graph.constant(np.float32(1)), bright)
    graph.label_and_probabilities(graph.add("Concat", bright, dark, axis=1), ["=bright", "dark"])
    raw = graph.finish("bright").SerializeToString()
    meaning = OutputMeaning("classification", "label", "probabilities", classes=["=bright", "dark"])
    return raw, manifest(
        raw, "image_classification", [TensorSpec("image", "UINT8", [-1, -1, -1, 3])], meaning, codec=IMAGE_CODEC
    )


def manifest(raw: bytes, task: str, inputs: list[TensorSpec], meaning: OutputMeaning, **more: Any) -> ModelManifest:
    sha256 = hashlib.sha256(raw).hexdigest()
    return ModelManifest(
        task=task,
        target="y",
        model_sha256=sha256,
        model_bytes=len(raw),
        opset=19,
        inputs=inputs,
        outputs=[],
        meaning=meaning,
        **more,
    )


def predicted(
    control: SmallControl, model: tuple[bytes, ModelManifest], kind: str, content: bytes, **changes: Any
) -> list[dict[str, str]]:
    raw, described = model
    job = {
        "batch_id": "bat_1",
        "model_sha256": described.model_sha256,
        "input_format": kind,
        "rows": 9,
        "unit_price_micros": 1,
        **changes,
    }
    control.add_batch(
        job, {"input": content, "model.onnx": raw, "manifest.json": json.dumps(to_wire(described)).encode()}
    )
    assert Supervisor(NodeControl(control.url, "myn_test"), threading.Event()).work_one()
    result = control.files.get("bat_1", {}).get("result.csv", b"")
    return list(csv.DictReader(io.StringIO(result.decode())))


def test_a_bad_row_fails_alone_and_the_others_are_answered_in_order(control: SmallControl) -> None:
    content = b"id,x,word,y\n1,1.5,more,\n2,2\n3,abc,less,\n4,,more,\n5,-1,,\n"
    rows = predicted(control, table_model(), "csv", content)
    assert [row["prediction"] for row in rows] == ["4", "", "", "", "-2"]
    assert "2 fields" in rows[1]["error"]
    assert "expected a number" in rows[2]["error"]
    assert "required" in rows[3]["error"]
    report = control.finished["bat_1"]
    assert (report["outcome"], report["rows_done"], report["rows_failed"]) == ("succeeded", 5, 3)
    assert [error["row"] for error in report["errors"]] == [1, 2, 3]
    assert report["errors"][1]["location"] == "x"
    assert report["result"]["sha256"] == hashlib.sha256(control.files["bat_1"]["result.csv"]).hexdigest()


def words_model() -> tuple[bytes, ModelManifest]:
    """value = the number of the word "text {n}", plus 1000 times the rows it was asked beside."""
    graph = Graph()
    text = graph.input("text", TensorProto.STRING, ["N", 1])
    words = [f"text {place} {'x' * (place * 37 % 101)}" for place in range(200)]
    numbers = [float(place) for place in range(200)]
    number = graph.add(
        "LabelEncoder", text, domain="ai.onnx.ml", keys_strings=words, values_floats=numbers, default_float=-1.0
    )
    rows = graph.add("Cast", graph.add("Shape", text, end=1), to=TensorProto.FLOAT)
    both = graph.add("Add", number, graph.add("Mul", rows, graph.constant(np.float32(1000))))
    graph.add("Reshape", both, graph.constant(np.array([-1])), output="value")
    graph.output("value", TensorProto.FLOAT, ["N"])
    raw = graph.finish("number").SerializeToString()
    columns = [ColumnSpec("text", "text", required=True, tensor="text")]
    meaning = OutputMeaning("regression", value_tensor="value")
    return raw, manifest(raw, "tabular_regression", [TensorSpec("text", "BYTES", [-1, 1])], meaning, columns=columns)


def test_texts_are_asked_in_groups_of_about_one_length_and_answered_in_order(control: SmallControl) -> None:
    words = [f"text {place} {'x' * (place * 37 % 101)}" for place in range(200)]
    rows = predicted(control, words_model(), "csv", "\n".join(["text", *words]).encode(), rows=200)
    values = [int(float(row["prediction"])) for row in rows]
    assert [value % 1000 for value in values] == list(range(200))
    assert {value // 1000 for value in values} == {64, 200 % 64}  # not one batch as wide as its longest text


def test_json_lines_are_read_and_broken_ones_named(control: SmallControl) -> None:
    rows = predicted(control, table_model(), "jsonl", b'{"x": 3}\n{broken\n[1]\n{"x": 1, "word": "more", "extra": 1}\n')
    assert [row["prediction"] for row in rows] == ["6", "", "", "3"]
    assert "not JSON" in rows[1]["error"]
    assert "not a JSON object" in rows[2]["error"]


def test_images_are_answered_with_their_names_and_spreadsheets_are_safe(control: SmallControl) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("__MACOSX/a.png", b"junk")
        archive.writestr("a.png", image_bytes(8))
        archive.writestr("b.png", b"no image")
        archive.writestr("c.png", image_bytes(11))
    rows = predicted(control, image_model(), "zip", raw.getvalue())
    assert [(row["file"], row["prediction"]) for row in rows] == [
        ("a.png", "'=bright"),
        ("b.png", ""),
        ("c.png", "'=bright"),
    ]
    assert float(rows[0]["probability_dark"]) < 0.01
    assert "cannot be decoded" in rows[1]["error"]


def test_an_unreadable_file_fails_with_its_code(control: SmallControl) -> None:
    assert predicted(control, table_model(), "parquet", b"no parquet") == []
    report = control.finished["bat_1"]
    assert (report["outcome"], report["failure_code"]) == ("failed", "yours:file-unreadable")


def test_a_damaged_model_is_ours(control: SmallControl) -> None:
    predicted(control, table_model(), "csv", b"x\n1\n", model_sha256="0" * 64)
    assert control.finished["bat_1"]["failure_code"] == "ours:model-unavailable"


def test_a_worker_that_leaves_writes_nothing(control: SmallControl) -> None:
    raw, described = table_model()
    job = {
        "batch_id": "bat_1",
        "model_sha256": described.model_sha256,
        "input_format": "csv",
        "rows": 1,
        "unit_price_micros": 1,
    }
    control.add_batch(
        job, {"input": b"x\n1\n", "model.onnx": raw, "manifest.json": json.dumps(to_wire(described)).encode()}
    )
    stopping = threading.Event()
    stopping.set()
    Supervisor(NodeControl(control.url, "myn_test"), stopping).work_one()
    assert "bat_1" not in control.finished
    assert control.files == {}
