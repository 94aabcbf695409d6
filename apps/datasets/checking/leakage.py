"""Columns that give the answer away: one of them alone predicts the target almost perfectly on rows it has not seen."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ROWS_LEAST = 40
_SURE = 0.99
_BINS = 32
_CORRELATION = 0.9999


@dataclass(frozen=True)
class Suspect:
    column: str
    score: float
    reason: str


def suspects(sample: pa.Table, target: str, *, is_classes: bool, skip: set[str]) -> list[Suspect]:
    """Judge each other column alone; the target is given as classes or as numbers."""
    answers = sample.column(target).combine_chunks()
    known = pc.is_valid(answers).to_numpy(zero_copy_only=False)
    if known.sum() < _ROWS_LEAST:
        return []
    truth = _codes(answers)[known] if is_classes else _numbers(answers)[known]
    found = []
    for name in sample.schema.names:
        if name == target or name in skip:
            continue
        column = sample.column(name).combine_chunks()
        suspect = _as_classes(name, column, known, truth) if is_classes else _as_number(name, column, known, truth)
        if suspect:
            found.append(suspect)
    return found


def _as_classes(name: str, column: pa.Array, known: np.ndarray, truth: np.ndarray) -> Suspect | None:
    is_word = pa.types.is_string(column.type) or pa.types.is_boolean(column.type)
    keys = (_codes(column) if is_word else _bins(_numbers(column)))[known]
    majority = np.bincount(truth).max() / len(truth)
    accuracy = _accuracy_on_unseen(keys, truth)
    if accuracy >= _SURE and accuracy - majority > 0.5 * (1 - majority):
        return Suspect(name, round(accuracy, 4), f"alone it predicts {accuracy:.1%} of the rows right")
    return None


def _accuracy_on_unseen(keys: np.ndarray, truth: np.ndarray) -> float:
    """Learn the majority answer per key on every other row, score on the rest; unknown keys count as wrong."""
    classes = int(truth.max()) + 1
    learn, score = slice(0, None, 2), slice(1, None, 2)
    order = np.random.default_rng(0).permutation(len(keys))
    keys, truth = keys[order], truth[order]
    pairs, counts = np.unique(keys[learn].astype(np.int64) * classes + truth[learn], return_counts=True)
    best: dict[int, tuple[int, int]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        key, answer = divmod(pair, classes)
        if count > best.get(key, (0, 0))[0]:
            best[key] = (count, answer)
    told = np.fromiter((best.get(key, (0, -1))[1] for key in keys[score].tolist()), np.int64, len(keys[score]))
    return float((told == truth[score]).mean())


def _as_number(name: str, column: pa.Array, known: np.ndarray, truth: np.ndarray) -> Suspect | None:
    if pa.types.is_string(column.type) or pa.types.is_timestamp(column.type):
        return None
    values = _numbers(column)[known]
    both = np.isfinite(values) & np.isfinite(truth)
    if both.sum() < _ROWS_LEAST or values[both].std() == 0 or truth[both].std() == 0:
        return None
    correlation = abs(float(np.corrcoef(values[both], truth[both])[0, 1]))
    if correlation >= _CORRELATION:
        return Suspect(name, round(correlation, 6), f"it moves with the target in step (correlation {correlation:.5f})")
    return None


def _codes(column: pa.Array) -> np.ndarray:
    """Small whole numbers for the values; missing is a value of its own."""
    text = pc.cast(column, pa.string()).dictionary_encode()
    return pc.fill_null(text.indices, len(text.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)


def _numbers(column: pa.Array) -> np.ndarray:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan")).to_numpy(zero_copy_only=False)


def _bins(values: np.ndarray) -> np.ndarray:
    """Each value is a key of its own while they are few; else quantile bins. Missing is a key too."""
    finite = values[np.isfinite(values)]
    different = np.unique(finite)
    edges = different if len(different) <= _BINS else np.unique(np.quantile(finite, np.linspace(0, 1, _BINS + 1)[1:-1]))
    keys = np.searchsorted(edges, values, side="right")
    return np.where(np.isfinite(values), keys, len(edges) + 1)
