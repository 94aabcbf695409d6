"""Tries a finished model with rounded numbers (int8, fp16), measures what that costs, keeps what is good beside it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from workers.export import float16, int8, latency, package, parity, rounding, vectors
from workers.export.rounding import Judged, Score

MAKERS: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto | None]] = {"int8": int8.quantise, "fp16": float16.halve}
WORDS = {"int8": "Weights of one byte", "fp16": "Half precision"}
MOST_ROWS = 400
LEAST_ROWS = 8
READINGS = 4  # of each row: both files, the vectors, the opening
LEAST_S = 1.0
TOLERANCE = parity.TOLERANCE_PROBABILITY * 10  # between runtimes, for the vectors


@dataclass(frozen=True)
class Exported:
    """The full model as it was written, and what was measured of it."""

    model: onnx.ModelProto
    session: onnxruntime.InferenceSession
    reading: latency.Reading
    family: str
    metrics: dict[str, float]  # on the board


@dataclass(frozen=True)
class Trial:
    """How the try of one precision ended: `facts` go into the manifest when the variant is offered."""

    precision: str
    note: str
    facts: dict[str, Any] | None = None


def names_to_try(wish: str, device: str) -> list[str]:
    """`wish` is a run's option: auto, fp32, int8 or fp16."""
    if wish in MAKERS:
        return [wish]
    return ["int8", *(["fp16"] if device == "cuda" else [])] if wish == "auto" else []


def try_precision(
    name: str,
    full: Exported,
    judged_of: Callable[[int], list[Judged]],
    score: Score,
    folder: Path,
    *,
    left_s: float,
    show: Callable[..., None],
) -> Trial:
    """`judged_of(n)`: inputs and truth of n rows. Writes model.NAME.onnx and vectors.NAME.json when little is lost."""
    small = MAKERS[name](full.model)
    if small is None:
        return Trial(name, "rounding would hardly make the file smaller: its size is not in the weights of a network")
    rows = min(MOST_ROWS, int((left_s - LEAST_S) * 1000 / (READINGS * max(full.reading.latency_ms, 0.01))))
    if rows < LEAST_ROWS:
        note = "there was no time left to measure what rounding costs"
        show(name, state="skipped", variant_of=full.family, note=f"{note[0].upper()}{note[1:]}.")
        return Trial(name, note)
    raw = package.serialise(small)
    judged = judged_of(rows)
    rounded = latency.serving_session(raw)
    loss = rounding.measure(rounded, full.session, judged, score)
    reading = latency.read(rounded, judged[0][0])
    change = loss.change()
    verdict = "offered" if loss.passed else f"not offered: more than {rounding.LOSS_MOST:.0%} changes"
    note = f"{loss.changed_labels:.1%} of labels change, answers move by {loss.mean_difference:.2g} on average"
    show(
        name,
        state="done",
        variant_of=full.family,
        size_bytes=len(raw),
        metrics={one: value + change[one] for one, value in full.metrics.items() if one in change},
        loss=loss.facts(),
        note=f"{WORDS[name]}, against the full model on {loss.rows} test rows: {note}; {verdict}.",
        **reading.facts(),
    )
    if not loss.passed:
        return Trial(name, note)
    sha256 = hashlib.sha256(raw).hexdigest()
    feeds = [feed for feed, _ in judged]
    tests = vectors.of(rounded, feeds, model_sha256=sha256, tolerance=TOLERANCE, latency_ms=reading.latency_ms)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"model.{name}.onnx").write_bytes(raw)
    (folder / f"vectors.{name}.json").write_text(json.dumps(tests, ensure_ascii=False), encoding="utf-8")
    facts = {"precision": name, "sha256": sha256, "size_bytes": len(raw), **loss.facts(), **reading.facts()}
    return Trial(name, note, facts)
