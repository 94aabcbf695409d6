"""The int8 variant: a quarter of the bytes, nearly the same answers, and none where it would lie."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from workers.export import image_onnx, int8, package, parity, variants

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


def pictures(rows: int) -> list[dict[str, np.ndarray]]:
    return [{"image": np.random.default_rng(2).integers(0, 255, (rows, 8, 8, 3), dtype=np.uint8)}]


def test_the_rounded_file_is_smaller_answers_nearly_the_same_and_row_by_row() -> None:
    model = network(512)
    small = int8.quantise(model)
    assert small is not None
    assert small.ByteSize() < 0.4 * model.ByteSize()
    full, rounded = (parity.open_session(package.serialise(one)) for one in (model, small))
    loss = int8.measure(rounded, full, pictures(100), "probabilities")
    assert 0 < loss.mean_difference < 0.01
    assert loss.passed
    (feed,) = pictures(9)
    together = rounded.run(["probabilities"], feed)[0]
    alone = np.concatenate([rounded.run(["probabilities"], {"image": one[None]})[0] for one in feed["image"]])
    assert np.abs(together - alone).max() < 1e-6


def test_a_model_without_large_weights_has_no_variant() -> None:
    assert int8.quantise(network(4)) is None


def shown(folder: Path, left_s: float, rounded_wrong: bool = False) -> list[tuple[str, dict[str, Any]]]:
    lines: list[tuple[str, dict[str, Any]]] = []
    model = network(512)
    session = parity.open_session(package.serialise(network(64) if rounded_wrong else model))
    variants.try_int8(
        model,
        session,
        pictures,
        folder,
        latency_ms=0.1,
        left_s=left_s,
        show=lambda family, **facts: lines.append((family, facts)),
    )
    return lines


def test_it_is_kept_only_when_its_measured_loss_is_small_and_there_was_time(tmp_path: Path) -> None:
    ((family, facts),) = shown(tmp_path / "kept", left_s=20.0)
    assert (family, facts["state"]) == ("int8", "done")
    assert "0.0% of 100 validation labels change" in facts["note"]
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"model.int8.onnx", "vectors.int8.json"}
    ((_, facts),) = shown(tmp_path / "wrong", left_s=20.0, rounded_wrong=True)
    assert "not offered" in facts["note"]
    assert not (tmp_path / "wrong").exists()
    ((_, facts),) = shown(tmp_path / "late", left_s=0.5)
    assert facts["state"] == "skipped"
