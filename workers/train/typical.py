"""A few values per column that spread like the column itself: where explanations of a model start their comparison."""

from typing import Any

import numpy as np

from contracts.manifests import ColumnSpec

COUNT = 8
LEAST_SEEN = 5  # a word that fewer rows have might name somebody


def values_of(spec: ColumnSpec, values: np.ndarray) -> list[Any]:
    """COUNT values at even steps through the sorted column, missing ones (None) in their share. Texts have none."""
    if spec.type == "text":
        return []
    if values.dtype == object:
        return _words(values)
    present = values[np.isfinite(values)].astype(np.float64)
    filled = _filled(len(present), len(values))
    steps = np.quantile(present, (np.arange(filled) + 0.5) / filled) if filled else np.zeros(0)
    if spec.type == "datetime":
        known: list[Any] = [str(np.datetime64(int(step), "s")) for step in steps]
    else:
        known = [float(f"{step:.6g}") for step in steps]
    return known + [None] * (COUNT - filled)


def _words(values: np.ndarray) -> list[Any]:
    """Words in the order of how often they stand there; rare ones are left out like missing ones."""
    found, counts = np.unique(values.astype(str), return_counts=True)
    kept = (counts >= LEAST_SEEN) & (found != "")
    found, counts = found[kept], counts[kept]
    filled = _filled(int(counts.sum()), len(values))
    if not filled:
        return [None] * COUNT
    order = np.lexsort((found, -counts))
    ends = np.cumsum(counts[order])
    places = np.searchsorted(ends, (np.arange(filled) + 0.5) / filled * ends[-1])
    return [str(found[order[place]]) for place in places] + [None] * (COUNT - filled)


def _filled(present: int, rows: int) -> int:
    """How many of COUNT are not missing; a column that has any value has one here."""
    return max(min(present, 1), round(COUNT * present / max(1, rows)))
