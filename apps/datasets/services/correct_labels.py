"""Make a new dataset version with some labels changed or rows removed; the old version stays as it is."""

import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from apps.accounts.models import ApiKey, User
from apps.datasets.models import DatasetVersion
from apps.datasets.services.rewrite_file import rewrite_file
from contracts.problems import Problem

CHANGES_MOST = 1_000
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")

Changes = Mapping[int, str | None]  # row or image number -> its label, or None to leave it out


def correct_labels(
    version: DatasetVersion, *, target: str, changes: Changes, corrected_by: User | ApiKey | None
) -> DatasetVersion:
    """`target` is the column of the labels, empty for images. The new version is checked like any upload."""
    if version.state != "ready":
        raise Problem("yours:dataset-not-ready", f"The dataset version is {version.state}.", status=409)
    if not changes or len(changes) > CHANGES_MOST:
        raise Problem("yours:invalid", f"Choose between 1 and {CHANGES_MOST} rows.")

    def write(stored: IO[bytes], path: Path) -> None:
        if version.format == "zip":
            _images(stored, changes, path)
        else:
            _table(stored, target, changes, path)

    return rewrite_file(version, write, name="corrected", by=corrected_by)


def _table(stored: IO[bytes], target: str, changes: Changes, path: Path) -> None:
    table = pq.read_table(pa.BufferReader(stored.read()))
    if target not in table.column_names:
        raise Problem("yours:target-unknown", f"The dataset has no column {target!r}.")
    _known(changes, table.num_rows)
    column = table.column(target)
    labels = column.to_pylist()
    texts = {str(value): value for value in labels if value is not None}  # the label as the column's own type
    for row, label in changes.items():
        if label is not None:
            labels[row] = texts.get(label, label)
    try:
        changed = pa.array(labels, column.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise Problem("yours:invalid", f"A label does not fit the column {target!r}.") from error
    table = table.set_column(table.column_names.index(target), target, changed)
    kept = [row for row in range(table.num_rows) if changes.get(row, "") is not None]
    pq.write_table(table.take(kept), path, compression="zstd")


def _images(stored: IO[bytes], changes: Changes, path: Path) -> None:
    """Images are numbered in the order of the archive, as training numbers them; the label is the folder's name."""
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(path, "w") as new:
        images = [info for info in old.infolist() if _is_image(info)]
        _known(changes, len(images))
        for row, info in enumerate(images):
            label = changes.get(row, "")
            if label is None:
                continue
            place = PurePosixPath(info.filename)
            folder = label or place.parts[-2]
            if "/" in folder or folder in (".", ".."):
                raise Problem("yours:invalid", "The name of a class holds no slash.")
            name = place.name if not label else f"{row}-{place.name}"  # two folders may hold the same name
            new.writestr(f"{folder}/{name}", old.read(info), zipfile.ZIP_STORED)


def _is_image(info: zipfile.ZipInfo) -> bool:
    """The same choice as training's reader makes."""
    place = PurePosixPath(info.filename)
    is_junk = any(part.startswith((".", "__MACOSX")) for part in place.parts)
    return not info.is_dir() and not is_junk and place.suffix.lower() in _IMAGE_SUFFIXES and len(place.parts) >= 2


def _known(changes: Changes, rows: int) -> None:
    if any(not 0 <= row < rows for row in changes):
        raise Problem("yours:invalid", f"There are only {rows} rows.")
