"""Writes the canonical Parquet file: typed columns, plain row groups, the same bytes for the same data."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from apps.datasets.checking.column_types import ColumnPlan
from apps.datasets.checking.conversion import convert, schema_of
from apps.datasets.checking.csv_source import CsvSource
from apps.datasets.checking.findings import Refusal
from apps.datasets.checking.jsonl_source import JsonLinesSource
from apps.datasets.checking.parquet_source import ParquetSource

Source = CsvSource | JsonLinesSource | ParquetSource
_GROUP_ROWS = 65_536
_GROUP_BYTES = 64 * 1024 * 1024


def write_canonical(source: Source, plans: list[ColumnPlan], missing: tuple[str, ...], path: Path) -> int:
    """Write the file and return its number of rows."""
    missing_values = pa.array(missing, pa.string())
    rows, waiting, waiting_rows, waiting_bytes = 0, [], 0, 0
    with pq.ParquetWriter(path, schema_of(plans), compression="zstd", compression_level=3) as writer:
        for batch in source.batches():
            typed = _converted(batch, plans, missing_values)
            rows += typed.num_rows
            waiting.append(typed)
            waiting_rows += typed.num_rows
            waiting_bytes += typed.nbytes
            if waiting_rows >= _GROUP_ROWS or waiting_bytes >= _GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting), row_group_size=_GROUP_ROWS)
                waiting, waiting_rows, waiting_bytes = [], 0, 0
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting), row_group_size=_GROUP_ROWS)
    return rows


def _converted(batch: pa.RecordBatch, plans: list[ColumnPlan], missing: pa.Array) -> pa.RecordBatch:
    try:
        return convert(batch, plans, missing)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Refusal("yours:file-unreadable", f"A column cannot be converted: {str(error)[:200]}") from error
