"""Make a new dataset version with rows or images added after those of another; the old version stays as it is."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.accounts.models import ApiKey, User
from apps.datasets.models import DatasetVersion
from apps.datasets.services.rewrite_file import rewrite_file
from contracts.problems import Problem

ROWS_MOST = 10_000
Image = tuple[str, str, bytes]  # class, file name, bytes


def add_rows(
    version: DatasetVersion, *, rows: Sequence[Mapping[str, Any] | Image], added_by: User | ApiKey | None
) -> DatasetVersion:
    """`rows` are dictionaries by column for a table, (class, name, bytes) for images. Checked like any upload."""
    if version.state != "ready":
        raise Problem("yours:dataset-not-ready", f"The dataset version is {version.state}.", status=409)
    if not rows or len(rows) > ROWS_MOST:
        raise Problem("yours:invalid", f"Add between 1 and {ROWS_MOST} rows at once.")

    def write(stored: IO[bytes], path: Path) -> None:
        if version.format == "zip":
            _grow_images(stored, [row for row in rows if isinstance(row, tuple)], path)
        else:
            _grow_table(stored, [row for row in rows if isinstance(row, Mapping)], path)

    grown = rewrite_file(version, write, name="grown", by=added_by)
    DatasetVersion.objects.of(version.organisation).filter(pk=grown.pk, extends=None).update(extends=version)
    return grown


def _grow_table(stored: IO[bytes], rows: list[Mapping[str, Any]], path: Path) -> None:
    table = pq.read_table(pa.BufferReader(stored.read()))
    columns = {
        field.name: _column([row.get(field.name) for row in rows], field.type, field.name) for field in table.schema
    }
    more = pa.table(columns, schema=pa.schema([pa.field(one.name, one.type) for one in table.schema]))
    pq.write_table(pa.concat_tables([table.replace_schema_metadata(None), more]), path, compression="zstd")


def _column(values: list[Any], kind: pa.DataType, name: str) -> pa.Array:
    """Values as JSON gave them, in the column's own type; text is read where the type wants it."""
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return pa.array([None if value is None else str(value) for value in values], kind)
        if pa.types.is_boolean(kind) or not any(isinstance(value, str) for value in values):
            return (
                pa.array(values).cast(kind)
                if any(value is not None for value in values)
                else pa.nulls(len(values), kind)
            )
        texts = pa.array([None if value in (None, "") else str(value) for value in values], pa.string())
        return pc.cast(texts, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise Problem("yours:invalid", f"A value does not fit the column {name!r}: {str(error)[:200]}") from error


def _grow_images(stored: IO[bytes], images: list[Image], path: Path) -> None:
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info), zipfile.ZIP_STORED)
        taken = set(old.namelist())
        for label, name, content in images:
            if "/" in label or label in (".", "..", ""):
                raise Problem("yours:invalid", "The name of a class holds no slash.")
            place = f"{label}/{name}"
            if place not in taken:
                new.writestr(place, content, zipfile.ZIP_STORED)
                taken.add(place)
