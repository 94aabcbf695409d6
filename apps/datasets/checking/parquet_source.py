"""Streams a Parquet file after judging its footer: rows, columns and sizes are refused before anything is decoded."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.datasets.checking import limits
from apps.datasets.checking.conversion import is_text
from apps.datasets.checking.findings import Notes, Refusal
from apps.datasets.checking.header import column_names

_BATCH_ROWS = 16_384
_BATCH_BYTES = 256 * limits.MIB
_CELLS = 4_000_000_000  # rows × columns; what a footer may claim
_FOOTER_STRING_BYTES = 64 * limits.MIB
_FOOTER_ITEMS = 4_000_000


class ParquetSource:
    """`names`, `schema`, then `batches()` of plain columns: text stays dictionary-encoded while its size is judged."""

    def __init__(self, path: Path, notes: Notes) -> None:
        self._path = path
        try:
            with self._open([]) as file:
                metadata, schema = file.metadata, file.schema_arrow
        except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
            raise Refusal("yours:file-unreadable", f"The Parquet footer cannot be read: {str(error)[:200]}") from error
        _judge(metadata, path.stat().st_size)
        self.names = column_names(list(schema.names), notes)
        self.schema = schema
        self._texts = [field.name for field in schema if is_text(field.type)]
        for field in schema:
            _refuse_nested(field)

    def batches(self) -> Iterator[pa.RecordBatch]:
        decoded = 0
        try:
            with self._open(self._texts) as file:
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                    size = expanded_bytes(batch)
                    decoded += size
                    if size > _BATCH_BYTES or decoded > limits.UNPACKED_BYTES:
                        raise Refusal("yours:parquet-too-large", f"Its text unpacks to more than {decoded:,} bytes.")
                    _refuse_long_fields(batch)
                    yield batch.rename_columns(self.names)
        except MemoryError as error:
            raise Refusal("yours:parquet-too-large", "Decoding it needs more memory than allowed.") from error
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Refusal("yours:file-unreadable", f"The Parquet data is damaged: {str(error)[:200]}") from error

    def _open(self, dictionaries: list[str]) -> pq.ParquetFile:
        return pq.ParquetFile(
            self._path,
            read_dictionary=dictionaries,
            thrift_string_size_limit=_FOOTER_STRING_BYTES,
            thrift_container_size_limit=_FOOTER_ITEMS,
        )


def _judge(metadata: pq.FileMetaData, file_bytes: int) -> None:
    if metadata.num_columns > limits.TABLE_COLUMNS:
        raise Refusal("yours:csv-columns", f"The table has {metadata.num_columns:,} columns.")
    if metadata.num_rows > limits.TABLE_ROWS:
        raise Refusal("yours:parquet-too-large", f"The table has {metadata.num_rows:,} rows.")
    if metadata.num_rows == 0:
        raise Refusal("yours:file-empty", "The table has no rows.")
    claimed = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    rows = sum(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))
    if claimed > limits.UNPACKED_BYTES or metadata.num_rows * metadata.num_columns > _CELLS:
        raise Refusal("yours:parquet-too-large", f"The table claims {claimed:,} bytes.")
    if rows != metadata.num_rows or claimed < 0:
        raise Refusal("yours:file-unreadable", "The footer contradicts itself about the number of rows.")
    if metadata.num_rows > 1_000_000 and metadata.num_rows > file_bytes * 64:
        raise Refusal("yours:parquet-too-large", f"{file_bytes:,} bytes claim to hold {metadata.num_rows:,} rows.")


def _refuse_nested(field: pa.Field) -> None:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    plain = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_boolean,
        pa.types.is_temporal,
        pa.types.is_null,
        is_text,
    )
    if not any(check(kind) for check in plain):
        raise Refusal(
            "yours:file-format", f"The column holds {str(kind)[:100]} values.", f"column {field.name[:200]!r}"
        )


def expanded_bytes(batch: pa.RecordBatch) -> int:
    """Bytes of the batch once dictionaries are written out, without writing them out."""
    total = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and is_text(column.type.value_type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            total += pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0
        else:
            total += column.nbytes
    return total


def _refuse_long_fields(batch: pa.RecordBatch) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values = column.dictionary if pa.types.is_dictionary(column.type) else column
        if is_text(values.type) and (pc.max(pc.binary_length(values)).as_py() or 0) > limits.FIELD_BYTES:
            raise Refusal("yours:csv-field", "A value is longer than 1 MB.", f"column {name[:200]!r}")
