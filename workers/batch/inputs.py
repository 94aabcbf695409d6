"""Reads a batch's input piece by piece: each row is a JSON-like object, or the words saying why it cannot be read."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

CHUNK_ROWS = 512  # rows predicted together; small enough that a heartbeat is never late
CHUNK_IMAGES = 16
CHUNK_RANKINGS = 64  # each row is scored against the whole catalogue
FIELD_MOST_BYTES = 1 << 20
IMAGE_MOST_BYTES = 64 << 20
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Piece:
    """One row: its values (a table row, or the bytes of an image), or a problem."""

    number: int  # from 0, in the order of the file
    values: Any = None
    name: str = ""  # images: file name inside the ZIP
    problem: str = ""


class UnreadableInput(Exception):
    """The whole file cannot be read; the text is for the user."""


def read_pieces(path: Path, kind: str) -> Iterator[Piece]:
    """Yield every row of a csv, jsonl, parquet or zip file. Raises UnreadableInput."""
    readers = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet, "zip": _zip}
    if kind not in readers:
        raise UnreadableInput(f"The format {kind!r} is not supported.")
    try:
        yield from readers[kind](path)
    except (UnicodeDecodeError, csv.Error, pa.ArrowException, zipfile.BadZipFile, OSError) as error:
        raise UnreadableInput(f"{type(error).__name__}: {error}"[:300]) from error


def _csv(path: Path) -> Iterator[Piece]:
    csv.field_size_limit(FIELD_MOST_BYTES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        sample = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=sample.count) if sample else ","
        rows = csv.reader(file, delimiter=delimiter)
        header = next(rows, None)
        if not header:
            raise UnreadableInput("The file has no header line.")
        number = -1
        for fields in rows:
            if not fields:  # an empty line is no row
                continue
            number += 1
            if len(fields) != len(header):
                yield Piece(number, problem=f"the row has {len(fields)} fields, the header has {len(header)}")
            else:
                yield Piece(number, dict(zip(header, fields, strict=True)))


def _jsonl(path: Path) -> Iterator[Piece]:
    with path.open("rb") as file:
        number = -1
        for line in file:
            if not line.strip():
                continue
            number += 1
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield Piece(number, problem=f"the line is not JSON: {error}"[:200])
                continue
            is_object = isinstance(values, dict)
            yield Piece(number, values) if is_object else Piece(number, problem="the line is not a JSON object")


def _parquet(path: Path) -> Iterator[Piece]:
    number = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=CHUNK_ROWS):
        for values in batch.to_pylist():
            yield Piece(number, values)
            number += 1


def _zip(path: Path) -> Iterator[Piece]:
    with zipfile.ZipFile(path) as archive:
        number = -1
        for info in archive.infolist():
            place = PurePosixPath(info.filename)
            is_junk = any(part.startswith((".", "__MACOSX")) for part in place.parts)
            if info.is_dir() or is_junk or place.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            number += 1
            if info.file_size > IMAGE_MOST_BYTES:
                yield Piece(number, name=info.filename, problem="the file is larger than 64 MB")
                continue
            try:
                with archive.open(info) as file:
                    raw = io.BytesIO(file.read(IMAGE_MOST_BYTES + 1)).getvalue()
                yield Piece(number, raw, info.filename)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
                yield Piece(number, name=info.filename, problem=f"the entry cannot be unpacked: {error}"[:200])
