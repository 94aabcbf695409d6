"""For whom it works less: the test rows cut by each column's values or quarters, the worst cuts first.

A slice is called worse only beyond chance: its interval, widened for the number of slices looked at (Bonferroni),
lies wholly on the bad side of all the other rows together. Small slices are not shown at all.
"""

import itertools
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np

from workers.train.tabular_model import Data

ROWS_LEAST = 20
VALUES_MOST = 8
COLUMNS_MOST = 60
SHOWN_MOST = 12
PARTS = 4


def slices(data: Data, rows: np.ndarray, cost: np.ndarray) -> list[dict[str, Any]]:
    """Worst first. `cost`: per test row, 0 or 1 for a label (wrong), the absolute error for a value."""
    cuts = [
        (column, name, inside)
        for spec in data.used[:COLUMNS_MOST]
        for column, name, inside in _cuts(spec.name, spec.type, data.table.columns[spec.name][rows])
        if ROWS_LEAST <= inside.sum() <= len(rows) - ROWS_LEAST
    ]
    if not cuts:
        return []
    strict = NormalDist().inv_cdf(1 - 0.025 / len(cuts))
    metric = "accuracy" if data.classes else "mae"
    found: list[tuple[float, dict[str, Any]]] = []
    for column, name, inside in cuts:
        here, rest = cost[inside], cost[~inside]
        gap = float(here.mean() - rest.mean())
        spread = float(np.sqrt(_variance(here) + _variance(rest)))
        low, high = _interval(here, is_share=bool(data.classes))
        value, ends = float(here.mean()), [low, high]
        if data.classes:
            value, ends = 1 - value, [1 - high, 1 - low]
        shown = {
            "name": name,
            "column": column,
            "rows": int(inside.sum()),
            "metric": metric,
            "metrics": {metric: round(value, 6)},
            "interval": [round(one, 6) for one in ends],
            "is_worse": gap > strict * spread,
        }
        found.append((gap - 1.96 * spread, shown))
    found.sort(key=lambda one: (not one[1]["is_worse"], -one[0]))
    return [shown for _, shown in found[:SHOWN_MOST]]


def _variance(values: np.ndarray) -> float:
    """Of the mean; a slice without any variety is given one more of each kind, so that it is not certain."""
    spread = float(values.var())
    if not spread:
        share = (values.sum() + 1) / (len(values) + 2) if values.max() <= 1 else 0.5
        spread = share * (1 - share)
    return spread / len(values)


def _interval(cost: np.ndarray, *, is_share: bool) -> tuple[float, float]:
    """95 %: Wilson's for a share, the normal one for a mean."""
    count, mean, z = len(cost), float(cost.mean()), 1.96
    if not is_share:
        half = z * float(cost.std()) / np.sqrt(count)
        return max(0.0, mean - half), mean + half
    middle = (mean + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(mean * (1 - mean) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def _cuts(column: str, type_: str, values: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    if values.dtype != object:
        yield from _parts(column, type_, values.astype(np.float64))
        return
    if type_ == "text":
        return
    names, counts = np.unique(values.astype(str), return_counts=True)
    for name in names[np.argsort(-counts, kind="stable")][:VALUES_MOST]:
        yield column, f"{column} = {name[:60]}" if name else f"{column} is missing", values == name


def _parts(column: str, type_: str, values: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """Quarters of a number; few different numbers one by one."""
    is_known = np.isfinite(values)
    yield column, f"{column} is missing", ~is_known
    known = values[is_known]
    if len(known) < ROWS_LEAST:
        return
    different = np.unique(known)
    if len(different) <= PARTS and type_ != "datetime":
        for one in different:
            yield column, f"{column} = {one:g}", values == one
        return
    edges = np.unique(np.quantile(known, np.linspace(0, 1, PARTS + 1)))
    for place, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = (values >= low if place == 0 else values > low) & (values <= high)
        yield column, f"{column} {_shown(low, type_)} to {_shown(high, type_)}", inside


def _shown(value: float, type_: str) -> str:
    return str(np.datetime64(int(value), "s"))[:10] if type_ == "datetime" else f"{value:,.4g}"
