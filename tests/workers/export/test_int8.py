"""The int8 variant: a quarter of the bytes, nearly the same answers, and none where it would lie."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from workers.export import float16, image_onnx, int8, latency, package, parity, rounding, variants
from workers.train import metrics

CLASSES = ["a", "b", "c"]


def network(width: int = 64) -> onnx.ModelProto:
    torch.manual_seed(1)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, width, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(width * 4, 3),
    )
    return image_onnx.to_onnx(layers, 8, 127.5, 127.5, CLASSES, 0.2)


def pictures(rows: int) -> list[rounding.Judged]:
    random = np.random.default_rng(2)
    return [({"image": random.integers(0, 255, (rows, 8, 8, 3), dtype=np.uint8)}, random.integers(0, 3, rows))]


def test_the_rounded_file_is_smaller_answers_nearly_the_same_and_row_by_row() -> None:
    model = network(512)
    small = int8.quantise(model)
    assert small is not None
    assert small.ByteSize() < 0.4 * model.ByteSize()
    full, rounded = (parity.open_session(package.serialise(one)) for one in (model, small))
    loss = rounding.measure(rounded, full, pictures(100), metrics.classification)
    assert 0 < loss.mean_difference < 0.01
    assert loss.passed
    assert loss.change()["log_loss"] == pytest.approx(loss.after["log_loss"] - loss.before["log_loss"], abs=1e-4)
    ((feed, _),) = pictures(9)
    together = rounded.run(["probabilities"], feed)[0]
    alone = np.concatenate([rounded.run(["probabilities"], {"image": one[None]})[0] for one in feed["image"]])
    assert np.abs(together - alone).max() < 1e-6


def test_half_precision_keeps_inputs_and_outputs_and_nearly_the_answers() -> None:
    model = network(512)
    small = float16.halve(model)
    assert small is not None
    assert small.ByteSize() < 0.6 * model.ByteSize()
    full, half = (parity.open_session(package.serialise(one)) for one in (model, small))
    assert [(one.name, one.type) for one in half.get_outputs()] == [(one.name, one.type) for one in full.get_outputs()]
    assert rounding.measure(half, full, pictures(50), metrics.classification).passed
    assert float16.halve(network(2)) is None


def test_a_model_without_large_weights_has_no_variant() -> None:
    assert int8.quantise(network(4)) is None


def test_only_what_was_asked_for_is_tried_and_half_precision_only_where_there_is_a_gpu() -> None:
    assert variants.names_to_try("auto", "cpu") == ["int8"]
    assert variants.names_to_try("auto", "cuda") == ["int8", "fp16"]
    assert variants.names_to_try("fp32", "cuda") == []
    assert variants.names_to_try("int8", "cpu") == ["int8"]


def tried(
    folder: Path, left_s: float, rounded_wrong: bool = False
) -> tuple[variants.Trial, list[tuple[str, dict[str, Any]]]]:
    lines: list[tuple[str, dict[str, Any]]] = []
    model = network(512)
    session = parity.open_session(package.serialise(network(64) if rounded_wrong else model))
    reading = latency.Reading(latency_ms=0.1, p95_ms=0.2, joules_per_1000=1.0, energy_source="estimate")
    trial = variants.try_precision(
        "int8",
        variants.Exported(model, session, reading, "cnn", {"log_loss": 0.5, "accuracy": 0.8}),
        pictures,
        metrics.classification,
        folder,
        left_s=left_s,
        show=lambda family, **facts: lines.append((family, facts)),
    )
    return trial, lines


def test_it_is_kept_only_when_its_measured_loss_is_small_and_there_was_time(tmp_path: Path) -> None:
    trial, ((family, facts),) = tried(tmp_path / "kept", left_s=20.0)
    assert (family, facts["state"], facts["variant_of"]) == ("int8", "done", "cnn")
    assert facts["loss"]["changed_labels"] <= rounding.LOSS_MOST
    assert facts["note"].endswith("offered.")
    assert facts["metrics"]["log_loss"] == 0.5 + facts["loss"]["change"]["log_loss"]
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"model.int8.onnx", "vectors.int8.json"}
    assert trial.facts is not None
    assert trial.facts["size_bytes"] == (tmp_path / "kept/model.int8.onnx").stat().st_size
    trial, ((_, facts),) = tried(tmp_path / "wrong", left_s=20.0, rounded_wrong=True)
    assert trial.facts is None
    assert "not offered" in facts["note"]
    assert not (tmp_path / "wrong").exists()
    trial, ((_, facts),) = tried(tmp_path / "late", left_s=0.5)
    assert (trial.facts, facts["state"]) == (None, "skipped")


def test_a_reading_tells_the_slow_calls_and_where_its_energy_is_from() -> None:
    raw = package.serialise(network(64))
    reading = latency.read(latency.serving_session(raw), pictures(1)[0][0])
    assert 0 < reading.latency_ms <= reading.p95_ms
    assert reading.joules_per_1000 > 0
    assert reading.energy_source in ("rapl", "estimate")
