"""Reads the rows of a table as series: which column is the time, which names the series, one value per regular step."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workers.train import timeline
from workers.train.failures import UserFailure
from workers.train.readers import as_numbers, as_text
from workers.train.timeline import Frequency

NAME_JOINT = " / "  # between the parts of a series' name when several columns make it
MOST_SERIES = 20_000
MOST_STEPS = 5_000_000  # of all series together, gaps included
KEY_TYPES = ("category", "id", "boolean", "text")
KEYS_MOST = 3


@dataclass(frozen=True)
class Series:
    name: str
    values: np.ndarray  # float32, one per step, NaN where the data has a gap; the last one is present
    last_time: float  # seconds since 1970, or the last step's number


@dataclass(frozen=True)
class SeriesTable:
    series: list[Series]
    frequency: Frequency
    time_column: str
    key_columns: list[str]
    notes: list[str]


def read_series(
    path: Path, types: dict[str, str], target: str, time_column: str = "", key_columns: Sequence[str] = ()
) -> SeriesTable:
    """1. roles 2. sort 3. one value per stamp 4. regular steps. Raises UserFailure.

    `types`: type of each column by name. Rows whose time or value is missing are left out or become gaps.
    """
    names = pq.read_schema(path).names
    for name in (target, *([time_column] if time_column else []), *key_columns):
        if name not in names:
            raise UserFailure("yours:target-unknown", f"The dataset has no column {name!r}.")
    time_column = time_column or _time_column(types, target)
    others = [n for n in names if n not in (target, time_column) and types.get(n) in KEY_TYPES]
    table = pq.read_table(path, columns=list(dict.fromkeys([time_column, target, *key_columns, *others])))
    times, is_numbered = _seconds(table.column(time_column), time_column)
    keys = list(key_columns) or _keys(table, times, others)
    labels = _labels(table, keys)
    values = as_numbers(table.column(target))
    known = np.array(pc.is_valid(table.column(time_column)).to_pylist(), dtype=bool)
    notes = [] if known.all() else [f"{(~known).sum():,} rows have no time and are left out."]
    found, frequency, more = _regular(labels[known], times[known], values[known], is_numbered)
    return SeriesTable(found, frequency, time_column, keys, notes + more)


def _time_column(types: dict[str, str], target: str) -> str:
    """The only date column, or the one that comes first."""
    dates = [name for name, kind in types.items() if kind == "datetime" and name != target]
    if dates:
        return dates[0]
    named = ("time", "date", "timestamp", "ds", "step", "period", "year", "month", "week", "day", "hour", "t")
    numbers = [name for name, kind in types.items() if kind in ("number", "id") and name != target]
    found = [name for name in numbers if name.lower() in named]
    if not found:
        raise UserFailure("yours:time-column-missing", "No column holds dates or numbered steps.")
    return found[0]


def _seconds(column: pa.ChunkedArray, name: str) -> tuple[np.ndarray, bool]:
    """Stamps as int64 seconds (0 where missing), and whether they are plain step numbers; years become dates."""
    if pa.types.is_timestamp(column.type):
        moments = pc.fill_null(column.cast(pa.timestamp("s", tz=column.type.tz), safe=False).cast(pa.int64()), 0)
        return moments.to_numpy().astype(np.int64), False
    numbers = as_numbers(column).astype(np.float64) if not pa.types.is_integer(column.type) else None
    whole = pc.fill_null(column, 0).to_numpy().astype(np.int64) if numbers is None else np.nan_to_num(numbers)
    if not np.array_equal(whole, np.round(whole)):
        raise UserFailure("yours:time-column-missing", f"Column {name!r} holds neither dates nor whole step numbers.")
    steps = whole.astype(np.int64)
    present = steps[np.array(pc.is_valid(column).to_pylist(), dtype=bool)]
    if name.lower() == "year" and len(present) and 1_000 <= present.min() <= present.max() <= 3_000:
        years = (np.where(steps > 0, steps, 1970) - 1970).astype("datetime64[Y]")
        return years.astype("datetime64[s]").astype(np.int64), False
    return steps, True


def _labels(table: pa.Table, keys: Sequence[str]) -> np.ndarray:
    """Name of each row's series; empty text without key columns."""
    if not keys:
        return np.full(table.num_rows, "", dtype=object)
    parts = [as_text(table.column(key)) for key in keys]
    return np.array([NAME_JOINT.join(row) for row in zip(*parts, strict=True)], dtype=object)


def _keys(table: pa.Table, times: np.ndarray, others: list[str]) -> list[str]:
    """The fewest columns that, with the time, tell every row apart (nearly: a few repeats are mistakes of the data)."""
    best, best_repeats = [], _repeats([times])
    if best_repeats <= 0.02 * len(times):
        return []
    coded = {name: table.column(name).combine_chunks().dictionary_encode().indices.to_numpy(False) for name in others}
    coded = {name: codes for name, codes in coded.items() if 1 < len(np.unique(codes)) <= len(times) // 3}
    for size in range(1, KEYS_MOST + 1):
        for chosen in combinations(coded, size):
            repeats = _repeats([times, *(coded[name] for name in chosen)])
            if repeats < 0.5 * best_repeats:
                best, best_repeats = list(chosen), repeats
        if best_repeats <= 0.02 * len(times):
            break
    return best


def _repeats(columns: list[np.ndarray]) -> int:
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, inner = np.unique(np.nan_to_num(column.astype(np.float64), nan=-1), return_inverse=True)
        code = code * (int(inner.max(initial=0)) + 1) + inner
        _, code = np.unique(code, return_inverse=True)
    return len(code) - len(np.unique(code))


def _regular(
    labels: np.ndarray, times: np.ndarray, values: np.ndarray, is_numbered: bool
) -> tuple[list[Series], Frequency, list[str]]:
    notes: list[str] = []
    names, code = np.unique(labels.astype(str), return_inverse=True)
    if len(names) > MOST_SERIES:
        raise UserFailure("yours:limit-reached", f"There are {len(names):,} series; at most {MOST_SERIES:,}.")
    order = np.lexsort((times, code))
    if not np.array_equal(order, np.arange(len(order))):
        notes.append("The rows were not sorted by series and time; they are now.")
    code, times, values = code[order], times[order], values[order].astype(np.float64)
    is_new = np.r_[True, (np.diff(code) != 0) | (np.diff(times) != 0)] if len(code) else np.zeros(0, bool)
    if not is_new.all():
        notes.append(f"{int((~is_new).sum()):,} rows repeat a time of their series; the mean of each group is used.")
        code, times, values = _merged(is_new, code, times, values)
    bounds = np.searchsorted(code, np.arange(len(names) + 1))
    pieces = [slice(a, b) for a, b in pairwise(bounds)]
    frequency = timeline.frequency_of([times[one] for one in pieces], is_numbered)
    found, gaps, total, present = [], 0, 0, 0
    for name, piece in zip(names, pieces, strict=True):
        place = timeline.places(frequency, times[piece])
        keep = np.isfinite(values[piece])
        if not keep.any():
            continue
        total += int(place[keep][-1]) + 1
        if total > MOST_STEPS:
            raise UserFailure("yours:limit-reached", f"The series have more than {MOST_STEPS:,} steps.")
        grid = np.full(int(place[keep][-1]) + 1, np.nan, dtype=np.float32)
        grid[place[keep]] = values[piece][keep].astype(np.float32)
        grid = grid[int(np.isfinite(grid).argmax()) :]
        gaps, present = gaps + int(np.isnan(grid).sum()), present + int(np.isfinite(grid).sum())
        found.append(Series(str(name), grid, float(times[piece][keep][-1])))
    if not found:
        raise UserFailure("yours:labels-missing", "The column to forecast holds no numbers.")
    timeline.check_rhythm(frequency, present + gaps, present)
    if gaps:
        notes.append(f"{gaps:,} steps have no value; the one before stands in.")
    return found, frequency, notes


def _merged(
    is_new: np.ndarray, code: np.ndarray, times: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    group = np.cumsum(is_new) - 1
    known = np.isfinite(values)
    count = np.bincount(group, weights=known)
    total = np.bincount(group, weights=np.where(known, values, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return code[is_new], times[is_new], total / count
