"""Tries the int8 variant of a finished model on validation rows and keeps it beside the model when it is good."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from workers.export import int8, latency, package, parity, vectors

NAME = "int8"
MOST_ROWS = 100
READINGS = 4  # of each row: the reference, both files, the vectors
LEAST_S = 1.0

Feed = dict[str, Any]


def try_int8(
    model: onnx.ModelProto,
    session: onnxruntime.InferenceSession,
    feeds_of: Callable[[int], list[Feed]],
    folder: Path,
    *,
    latency_ms: float,
    left_s: float,
    show: Callable[..., None],
) -> None:
    """`feeds_of(n)`: inputs of n validation rows. Writes model.int8.onnx, vectors.int8.json when the loss is small."""
    if "probabilities" not in {one.name for one in session.get_outputs()}:
        return
    small = int8.quantise(model)
    if small is None:
        return
    rows = min(MOST_ROWS, int((left_s - LEAST_S) * 1000 / (READINGS * max(latency_ms, 0.01))))
    if rows < 8:
        show(NAME, state="skipped", note="There was no time left to measure what rounding the weights costs.")
        return
    raw = package.serialise(small)
    rounded = parity.open_session(raw)
    feeds = feeds_of(rows)
    loss = int8.measure(rounded, session, feeds, "probabilities")
    verdict = "offered in the edge bundle" if loss.passed else f"not offered: more than {int8.LOSS_MOST:.0%} changes"
    show(
        NAME,
        state="done",
        size_bytes=len(raw),
        latency_ms=latency.one_row_ms(rounded, feeds[0]),
        note=f"Weights of one byte: {loss.changed_labels:.1%} of {loss.rows} validation labels change, "
        f"probabilities by {loss.mean_difference:.2g} on average; {verdict}.",
    )
    if loss.passed:
        tests = vectors.of(
            rounded,
            feeds,
            model_sha256=hashlib.sha256(raw).hexdigest(),
            tolerance=parity.TOLERANCE_PROBABILITY * 10,
            latency_ms=latency_ms,
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.int8.onnx").write_bytes(raw)
        (folder / "vectors.int8.json").write_text(json.dumps(tests, ensure_ascii=False), encoding="utf-8")
