"""Looks at a table as series: which columns are time and series, which rhythm they have, what is missing or double."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.datasets.checking.findings import Notes

_ROWS_MOST = 2_000_000  # of larger tables only the first ones are looked at
_KEY_TYPES = ("category", "id", "boolean", "text")
_REPEATS_MOST = 0.02  # share of rows that may repeat a time before another key column is looked for
_DAY_S = 86_400
_STEPS = {60: "every minute", 3_600: "hourly", _DAY_S: "daily", 7 * _DAY_S: "weekly"}


def check_series(path: Path, columns: list[dict[str, Any]], target: str, notes: Notes) -> dict[str, Any]:
    """Return {time_column, series_columns, series, frequency, gaps, repeats}; empty without a date column."""
    types = {column["name"]: column["type"] for column in columns}
    dates = [name for name, kind in types.items() if kind == "datetime" and name != target]
    if not dates:
        return {}
    names = [name for name, kind in types.items() if kind in _KEY_TYPES and name not in (target, dates[0])]
    table = pq.read_table(path, columns=[dates[0], *names]).slice(0, _ROWS_MOST)
    table = table.filter(pc.is_valid(table.column(dates[0])))
    if table.num_rows < 2:
        return {}
    times = table.column(dates[0]).cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64()).to_numpy()
    coded = {name: _codes(table.column(name)) for name in names}
    keys = _keys(times, coded)
    code = _joined([coded[name] for name in keys], len(times))
    order = np.lexsort((times, code))
    found = _rhythm(times[order], code[order])
    where = f"column {dates[0]!r}"
    if not np.array_equal(order, np.arange(len(order))):
        notes.tell("data:series-unsorted", "The rows are not in the order of series and time.", where)
    if found["repeats"]:
        notes.warn("data:series-repeats", f"{found['repeats']:,} rows repeat a time of their series.", where)
    if not found["frequency"]:
        notes.warn("data:series-irregular", "The times follow no regular step.", where)
    elif found["gaps"]:
        notes.tell("data:series-gaps", f"{found['gaps']:,} steps ({found['frequency']}) are missing.", where)
    return {"time_column": dates[0], "series_columns": keys, "series": int(code.max()) + 1, **found}


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """int64 [rows]: one number per different value, missing is one too."""
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(coded.indices.to_numpy(zero_copy_only=False)).astype(np.int64)


def _joined(columns: Sequence[np.ndarray], rows: int) -> np.ndarray:
    code = np.zeros(rows, dtype=np.int64)
    for column in columns:
        _, code = np.unique(code * (int(column.max(initial=0)) + 1) + column, return_inverse=True)
    return code


def _keys(times: np.ndarray, coded: dict[str, np.ndarray]) -> list[str]:
    """The fewest columns that, with the time, tell nearly every row apart; none when the time alone does."""
    rows = len(times)
    _, moment = np.unique(times, return_inverse=True)
    repeats = lambda names: rows - len(np.unique(_joined([moment, *(coded[n] for n in names)], rows)))  # noqa: E731
    best: tuple[str, ...] = ()
    best_repeats = repeats(())
    usable = [name for name, codes in coded.items() if 1 < len(np.unique(codes)) <= rows // 3]
    for size in (1, 2):
        for names in combinations(usable, size):
            if best_repeats > _REPEATS_MOST * rows and (now := repeats(names)) < 0.5 * best_repeats:
                best, best_repeats = names, now
    return list(best)


def _rhythm(times: np.ndarray, code: np.ndarray) -> dict[str, Any]:
    """Name of the usual step, and how many steps are missing or double. Rows are sorted by series and time."""
    is_same = np.diff(code) == 0
    gaps = np.diff(times)[is_same]
    repeats, steps = int((gaps == 0).sum()), gaps[gaps > 0]
    if len(steps) == 0:
        return {"frequency": "", "gaps": 0, "repeats": repeats}
    usual = float(np.median(steps))
    if usual >= 27.5 * _DAY_S:
        months = round(usual / _DAY_S / 30.437)
        counts = np.round(steps / _DAY_S / 30.437 / months)
        named = {1: "monthly", 3: "quarterly", 12: "yearly"}.get(months, f"every {months} months")
        return {"frequency": named, "gaps": int(np.maximum(counts - 1, 0).sum()), "repeats": repeats}
    counts = np.round(steps / usual)
    regular = np.abs(steps - counts * usual) <= np.maximum(0.05 * usual, 3_600 if usual >= _DAY_S else 0)
    named = next((word for step, word in _STEPS.items() if abs(step - usual) < 0.05 * step), f"every {usual:g} seconds")
    is_regular = regular.mean() > 0.8 and counts.sum() < 2.5 * len(counts)
    is_workday = named == "daily" and bool((((times + _DAY_S // 2) // _DAY_S + 3) % 7 < 5).all())
    weekend = int((counts == 3).sum()) * 2 if is_workday else 0
    missing = int(np.maximum(counts - 1, 0).sum())
    if weekend and weekend > 0.7 * missing:
        named, missing = "on business days", missing - weekend
    return {"frequency": named if is_regular else "", "gaps": missing, "repeats": repeats}
