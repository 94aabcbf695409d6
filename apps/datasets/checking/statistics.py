"""Reads the canonical table once and gathers ranges, a sample, row fingerprints and the first rows."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.datasets.checking.cleaning import cell
from apps.datasets.checking.distinct import different

SAMPLE_ROWS = 50_000
_SAMPLE_CELLS = 20_000_000
_FINGERPRINT_ROWS = 2_000_000
_PREVIEW_ROWS = 50
_PREVIEW_COLUMNS = 200
_BATCH_ROWS = 16_384


@dataclass
class Range:
    """Exact facts of one numeric or datetime column."""

    missing: int = 0
    present: int = 0
    minimum: Any = None
    maximum: Any = None
    total: float = 0.0
    squares: float = 0.0

    def add(self, column: pa.Array) -> None:
        self.missing += column.null_count
        count = len(column) - column.null_count
        if count == 0 or pa.types.is_string(column.type) or pa.types.is_boolean(column.type):
            self.present += count
            return
        ends = pc.min_max(column)
        low, high = ends["min"].as_py(), ends["max"].as_py()
        self.minimum = low if self.minimum is None else min(self.minimum, low)
        self.maximum = high if self.maximum is None else max(self.maximum, high)
        if not pa.types.is_timestamp(column.type):
            self._add_moments(pc.cast(column, pa.float64(), safe=False).drop_null().to_numpy())
        self.present += count

    def _add_moments(self, values: np.ndarray) -> None:
        """Chan's update, so that large means do not eat the variance."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = values.mean()
            old = self.total / self.present if self.present else 0.0
            joined = self.present + len(values)
            self.squares += ((values - mean) ** 2).sum() + (mean - old) ** 2 * self.present * len(values) / joined
            self.total += float(values.sum())

    def mean(self) -> float:
        return self.total / max(1, self.present)

    def deviation(self) -> float:
        return float(np.sqrt(self.squares / max(1, self.present)))


@dataclass
class Survey:
    rows: int
    ranges: dict[str, Range]
    sample: pa.Table
    duplicate_rows: int
    fingerprinted_rows: int
    preview: dict[str, Any] = field(default_factory=dict)


def survey(path: Path) -> Survey:
    """Read the canonical file once."""
    with pq.ParquetFile(path) as file:
        rows, names = file.metadata.num_rows, file.schema_arrow.names
        step = max(1, -(-rows // min(SAMPLE_ROWS, max(1000, _SAMPLE_CELLS // len(names)))))
        ranges = {name: Range() for name in names}
        parts: list[pa.RecordBatch] = []
        prints: list[np.ndarray] = []
        preview: dict[str, Any] = {}
        seen = 0
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            for name, column in zip(names, batch.columns, strict=True):
                ranges[name].add(column)
            parts.append(batch.take(pa.array(np.arange(-seen % step, batch.num_rows, step))))
            if seen < _FINGERPRINT_ROWS:
                prints.append(_fingerprints(batch))
            preview = preview or _preview(batch)
            seen += batch.num_rows
        hashes = np.concatenate(prints) if prints else np.empty(0, np.uint64)
        sample = pa.Table.from_batches(parts, file.schema_arrow)
    return Survey(rows, ranges, sample, len(hashes) - len(different(hashes)), len(hashes), preview)


def _preview(batch: pa.RecordBatch) -> dict[str, Any]:
    first = batch.slice(0, _PREVIEW_ROWS).select(batch.schema.names[:_PREVIEW_COLUMNS])
    columns = [column.to_pylist() for column in first.columns]
    return {
        "columns": first.schema.names,
        "rows": [[cell(value) for value in row] for row in zip(*columns, strict=True)],
    }


def _fingerprints(batch: pa.RecordBatch) -> np.ndarray:
    """One 64-bit number per row; equal rows have equal numbers."""
    total = np.zeros(batch.num_rows, np.uint64)
    with np.errstate(over="ignore"):
        for column in batch.columns:
            total = total * np.uint64(0x100000001B3) ^ _column_prints(column) * np.uint64(0x9E3779B97F4A7C15)
            total ^= total >> np.uint64(29)
    return total


def _column_prints(column: pa.Array) -> np.ndarray:
    if pa.types.is_string(column.type):
        coded = column.dictionary_encode()
        words = np.fromiter(map(hash, coded.dictionary.to_pylist()), np.int64).view(np.uint64)
        return np.append(words, np.uint64(7))[pc.fill_null(coded.indices, len(words)).to_numpy()]
    if pa.types.is_floating(column.type):
        return pc.fill_null(column, float("nan")).to_numpy(zero_copy_only=False).view(np.uint64)
    whole = pc.cast(
        column.cast(pa.int64()) if not pa.types.is_boolean(column.type) else column.cast(pa.int8()), pa.int64()
    )
    return pc.fill_null(whole, -(2**62)).to_numpy(zero_copy_only=False).view(np.uint64)
