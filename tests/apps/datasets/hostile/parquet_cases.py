"""Parquet files whose footer promises more than memory holds, or that are damaged."""

import io
import struct
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.apps.datasets.hostile.cases import READY, case, case_of

ROWS = 60


def plain_table(rows: int = ROWS) -> pa.Table:
    return pa.table(
        {"x": [n / 7 for n in range(rows)], "n": list(range(rows)), "label": ["ab"[n % 2] for n in range(rows)]}
    )


def as_bytes(table: pa.Table, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def _raw(name: str, expected: str, content: bytes, *, notice: str = "", place: str = "") -> None:
    case_of(name, "x.parquet", expected, lambda path: _put(path, content), notice=notice, place=place)


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


_raw("p0 plain", READY, as_bytes(plain_table()))


@case("p1 50 million rows in a few bytes", "x.parquet", "yours:parquet-too-large")
def _(path: Path) -> None:
    zeros = pa.table({"x": pa.array([0] * 1_000_000, pa.int8()), "y": pa.array([1] * 1_000_000, pa.int8())})
    with pq.ParquetWriter(path, zeros.schema, compression="zstd") as writer:
        for _ in range(50):
            writer.write_table(zeros, row_group_size=1_000_000)


@case("p2 2 GB of text behind a dictionary", "x.parquet", "yours:parquet-too-large")
def _(path: Path) -> None:
    word = pa.DictionaryArray.from_arrays(pa.array([0] * 2100, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"t": word, "label": ["ab"[n % 2] for n in range(2100)]}), path, compression="zstd")


@case("p2 text without a dictionary", "x.parquet", "yours:parquet-too-large")
def _(path: Path) -> None:
    words = pa.array(["x" * 1_000_000] * 400)
    pq.write_table(pa.table({"t": words}), path, compression="zstd", use_dictionary=False)


_raw("p2 a value of 2 MB", "yours:csv-field", as_bytes(pa.table({"t": ["x" * 2_000_000] * 30})), place="column 't'")


@case("p3 20,000 columns", "x.parquet", "yours:csv-columns")
def _(path: Path) -> None:
    pq.write_table(pa.table({f"c{n}": pa.array([1], pa.int8()) for n in range(20_000)}), path)


_good = as_bytes(plain_table(2000))
_raw("p4 cut short", "yours:file-unreadable", _good[:-100])
_raw("p4 the end alone is missing", "yours:file-unreadable", _good[: len(_good) // 2])
_raw("p5 a footer longer than the file", "yours:file-unreadable", _good[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1")
_raw("p5 a footer of noise", "yours:file-unreadable", b"PAR1" + b"\xa5" * 5000 + struct.pack("<I", 4000) + b"PAR1")
_raw("p5 four bytes", "yours:file-unreadable", b"PAR1")


def _nested(path: Path, depth: int) -> None:
    kind, value = pa.int8(), 1
    for _ in range(depth):
        kind, value = pa.list_(kind), [value]
    pq.write_table(pa.table({"deep": pa.array([value] * 30, kind)}), path)


case_of("p6 nested 100 deep", "x.parquet", "yours:file-unreadable", lambda path: _nested(path, 100))
case_of("p6 a list in a cell", "x.parquet", "yours:file-format", lambda path: _nested(path, 1), place="column 'deep'")


def _varint(number: int) -> bytes:
    number, out = number << 1, bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


@case("p7 more values promised than there are", "x.parquet", "yours:file-unreadable")
def _(path: Path) -> None:
    raw = as_bytes(plain_table(12_345), compression="none")
    path.write_bytes(raw.replace(_varint(12_345), _varint(1_000_000)))


_raw("p8 encrypted footer", "yours:file-unreadable", b"PARE" + b"\0" * 100 + b"PARE")
_raw("p10 no rows", "yours:file-empty", as_bytes(plain_table().slice(0, 0)))
_raw("p11 a name twice", "yours:csv-duplicate-column", as_bytes(pa.table([[1] * 30, [2] * 30], names=["a", "a"])))
_raw("p12 bytes that are no text", "yours:csv-encoding", as_bytes(pa.table({"b": [b"\xff\xfe\x00"] * 30})))
_raw(
    "p13 infinite numbers",
    READY,
    as_bytes(pa.table({"x": [float("inf"), *map(float, range(40))]})),
    notice="data:infinite-number",
)
_raw(
    "p14 every type",
    READY,
    as_bytes(
        pa.table(
            {
                "whole": pa.array(range(30), pa.int16()),
                "huge": pa.array([2**64 - 1 - n for n in range(30)], pa.uint64()),
                "money": pa.array([Decimal(f"{n}.25") for n in range(30)]),
                "day": pa.array([date(2024, 1, 1 + n) for n in range(30)]),
                "at": pa.array(range(30), pa.timestamp("ns", tz="Europe/Berlin")),
                "flag": pa.array([n % 2 == 0 for n in range(30)]),
                "half": pa.array([n / 2 for n in range(30)], pa.float32()),
                "word": pa.array(["ab"[n % 2] for n in range(30)]).dictionary_encode(),
                "wide": pa.array([f"word {n % 3}" for n in range(30)], pa.large_string()),
                "nothing": pa.nulls(30),
                "label": pa.array([n % 3 for n in range(30)], pa.int8()),
            }
        )
    ),
    notice="data:empty-column",
)
