"""Reads the two canonical dataset formats: Parquet for tables, a ZIP of class folders for images."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageOps

from contracts.manifests import ColumnSpec
from contracts.moments import seconds_of
from workers.train import seeds
from workers.train.failures import UserFailure

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")  # always named: Pillow would otherwise look for Ghostscript and friends
SAMPLE_BATCH_ROWS = 65_536
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
IMAGE_MOST_PIXELS = 40_000_000
IMAGE_INVALID_MOST_SHARE = 0.01  # up to 1 % unreadable files are left out with a note


@dataclass(frozen=True)
class Table:
    """Columns by name: float32 (missing is NaN), float64 seconds for dates, or str objects (missing is "")."""

    columns: dict[str, np.ndarray]
    rows: int

    def take(self, rows: np.ndarray) -> "Table":
        return Table({name: values[rows] for name, values in self.columns.items()}, len(rows))


def read_table(path: Path, specs: list[ColumnSpec]) -> Table:
    """Read the named columns: numbers as float32 (what the ONNX inputs take), everything else as text."""
    _check_columns(path, specs)
    return _as_table(pq.read_table(path, columns=[spec.name for spec in specs]), specs)


def _check_columns(path: Path, specs: list[ColumnSpec]) -> None:
    known = set(pq.read_schema(path).names)
    missing = [spec.name for spec in specs if spec.name not in known]
    if missing:
        raise UserFailure("yours:target-unknown", f"The dataset has no column {missing[0]!r}.")


def _as_table(table: pa.Table, specs: list[ColumnSpec]) -> Table:
    read = {"number": as_numbers, "datetime": as_seconds}
    columns = {spec.name: read.get(spec.type, as_text)(table.column(spec.name)) for spec in specs}
    return Table(columns, table.num_rows)


def rows_in(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def read_sample(path: Path, specs: list[ColumnSpec], rows_most: int, seed: int) -> tuple[Table, np.ndarray]:
    """Like `read_table`, and the row numbers that were read: all, or about `rows_most` drawn at random.

    A larger table is streamed batch by batch, so that memory holds one batch and what was drawn.
    """
    rows = rows_in(path)
    if rows <= rows_most:
        return read_table(path, specs), np.arange(rows)
    drawn = np.flatnonzero(seeds.generator(seed, "sample").random(rows) < rows_most / rows)
    parts, start = [], 0
    _check_columns(path, specs)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=SAMPLE_BATCH_ROWS, columns=[spec.name for spec in specs]):
            low, high = np.searchsorted(drawn, (start, start + batch.num_rows))
            parts.append(batch.take(pa.array(drawn[low:high] - start)))
            start += batch.num_rows
    return _as_table(pa.Table.from_batches(parts), specs), drawn


def as_seconds(column: pa.ChunkedArray) -> np.ndarray:
    """Dates and times as float64 seconds since 1970, NaN for missing and for text that is no ISO date."""
    if pa.types.is_temporal(column.type):
        moments = column.cast(pa.timestamp("us"), safe=False)
        return np.array(moments.cast(pa.int64()).cast(pa.float64()).to_numpy(), dtype=np.float64) / 1e6
    seconds = (seconds_of(str(value)) if value is not None else None for value in column.to_pylist())
    return np.array([float("nan") if one is None else one for one in seconds], dtype=np.float64)


def as_numbers(column: pa.ChunkedArray) -> np.ndarray:
    """float32 with NaN for missing; text that is no number is missing too."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array([_number(text) for text in column.to_pylist()], dtype=np.float32)
    values = column.cast(pa.float64(), safe=False).to_numpy()
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _number(text: str | None) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        return float("nan")


def as_text(column: pa.ChunkedArray) -> np.ndarray:
    """Text as people write it: whole numbers without `.0`, booleans as true/false, missing as the empty string."""
    if pa.types.is_floating(column.type):
        texts = ["" if v is None or v != v else str(int(v)) if v.is_integer() else repr(v) for v in column.to_pylist()]
    elif pa.types.is_boolean(column.type):
        texts = ["" if v is None else "true" if v else "false" for v in column.to_pylist()]
    else:
        texts = ["" if v is None else str(v) for v in column.to_pylist()]
    return np.array(texts, dtype=object)


@dataclass(frozen=True)
class ImageFolder:
    """Names of the readable images of a ZIP and the class each one belongs to."""

    path: Path
    names: list[str]
    labels: list[str]


def list_images(path: Path) -> ImageFolder:
    """Class = the folder right above the file; a common root folder and archiver junk are ignored."""
    names, labels = [], []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            place = PurePosixPath(info.filename)
            is_junk = any(part.startswith((".", "__MACOSX")) for part in place.parts)
            if info.is_dir() or is_junk or place.suffix.lower() not in IMAGE_SUFFIXES or len(place.parts) < 2:
                continue
            names.append(info.filename)
            labels.append(place.parts[-2])
    if not names:
        raise UserFailure("yours:zip-layout", "The ZIP holds no images in class folders.")
    return ImageFolder(path, names, labels)


def decode_image(raw: bytes) -> np.ndarray:
    """PNG, JPEG or WebP bytes → upright RGB uint8 [H, W, 3]: the codec image/rgb-uint8-v1."""
    with Image.open(io.BytesIO(raw), formats=IMAGE_FORMATS) as image:
        if image.width * image.height > IMAGE_MOST_PIXELS:
            raise UserFailure("yours:image-pixels", f"An image has {image.width} × {image.height} pixels.")
        upright = ImageOps.exif_transpose(image)
        return np.asarray(upright.convert("RGB"), dtype=np.uint8)


def images_of(folder: ImageFolder, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray | None]]:
    """Yield (row, pixels or None when unreadable) in the order of `rows`, holding one image at a time."""
    with zipfile.ZipFile(folder.path) as archive:
        for row in rows:
            try:
                yield int(row), decode_image(archive.read(folder.names[row]))
            except (OSError, SyntaxError, ValueError):  # Pillow raises all three on damaged files
                yield int(row), None
