"""Tables that lie, burst, or were made by programs with habits."""

import gzip
import io
import json
import random
from pathlib import Path

from tests.apps.datasets.hostile.cases import READY, case, case_of

ROWS = 40


def table(header: str, row: str, rows: int = ROWS, end: str = "\n") -> str:
    """`row` is formatted with n."""
    return end.join([header, *(row.format(n=n, c="ab"[n % 2]) for n in range(rows))]) + end


def _text(
    name: str, expected: str, content: str | bytes, file_name: str = "x.csv", *, notice: str = "", place: str = ""
) -> None:
    raw = content.encode() if isinstance(content, str) else content
    case_of(name, file_name, expected, lambda path: _put(path, raw), notice=notice, place=place)


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


PLAIN = table("x,label", "{n},{c}")
_text("c0 plain", READY, PLAIN)
_text(
    "c1 cells like formulas",
    READY,
    table("x,label", "{n},{c}").replace("1,b", "\"=cmd|' /C calc'!A0\",b").replace("3,b", "@SUM(1),b"),
)
_text(
    "c2 300,000 columns",
    "yours:csv-columns",
    ",".join(f"c{n}" for n in range(300_000)) + "\n" + ",".join("1" for _ in range(300_000)) + "\n",
)
_text("c3 a quote that is never closed", "yours:csv-field", PLAIN + '5,"open\n' + PLAIN, place="line 42")


@case("c3 200 MB behind an open quote", "x.csv", "yours:csv-field", place="line")
def _(path: Path) -> None:
    with path.open("w") as file:
        file.write('a,b\n1,"')
        for _ in range(200):
            file.write("some text, more text\n" * 50_000)


@case("c3 a line of 40 MB", "x.csv", "yours:csv-field")
def _(path: Path) -> None:
    path.write_text(PLAIN + "x" * 40 * 2**20 + ",a\n")


@case("c3 a field of 2 MB", "x.csv", "yours:csv-field", place="line 42")
def _(path: Path) -> None:
    path.write_text(PLAIN + "x" * 2 * 2**20 + ",a\n" + PLAIN)


_text("c4 NUL", "yours:csv-nul", PLAIN + "5\0,a\n", place="line 42")
_text("c5 UTF-16", READY, PLAIN.replace("label", "größe").encode("utf-16"), notice="data:encoding")
_text("c5 UTF-16 big-endian", READY, b"\xfe\xff" + PLAIN.encode("utf-16-be"), notice="data:encoding")
_text("c5 UTF-16 cut in half", "yours:csv-encoding", PLAIN.encode("utf-16")[:-1])
_text("c6 latin-1", READY, table("x,größe", "{n},grün{c}").encode("latin-1"), notice="data:encoding")
_text("c6 bytes that are no text", "yours:csv-encoding", bytes(range(1, 256)) * 100)
_text("c7 CR only", READY, table("x,label", "{n},{c}", end="\r"))
_text("c7 CRLF", READY, table("x,label", "{n},{c}", end="\r\n"))
_text("c8 byte order mark", READY, b"\xef\xbb\xbf" + PLAIN.encode())
_text("c9 a name twice", "yours:csv-duplicate-column", table("a,b,a", "{n},1,2"), place="columns 1 and 3")
_text("c10 ragged rows", "yours:csv-ragged", PLAIN + "1\n2,a\n1,2,3\n", place="line 42")
_text(
    "c10 ragged after a quoted line break",
    "yours:csv-ragged",
    'a,b\n1,"x\ny"\n' + table("2,3", "{n},{c}") + "9\n",
    place="line 45",
)
_text("c11 1e999", READY, table("x,label", "{n},{c}") + "1e999,a\n", notice="data:infinite-number")
_text("c11 infinity as a word", READY, table("x,label", "{n},{c}") + "inf,a\n", notice="data:infinite-number")
_text("c11 NaN is missing", READY, table("x,label", "{n},{c}") + "NaN,a\n")
_text(
    "c11 whole numbers of 26 digits",
    READY,
    table("x,label", "1{n:02d}45678901234567890123456,{c}"),
    notice="data:number-rounded",
)
_text(
    "c11 numbers at the edge of what fits",
    READY,
    table("x,y,z,label", "1.7e308,-1.7e308,4e-324,{c}") + "-1.7e308,1e16,5,a\n",
)
_text("c11 decimal commas", READY, table("x;label", "{n},25;{c}"), notice="data:decimal-comma")
_text(
    "c11 a stray word among numbers",
    READY,
    table("x,label", "{n},{c}", 200) + "unknown,a\n",
    notice="data:not-a-number",
)
_text("c11 codes with leading zeros", READY, table("zip,label", "00{n},{c}"), notice="data:leading-zeros")


@case("c12 gzip of 1 GB zeros", "x.csv.gz", "yours:gzip-too-large")
def _(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(250):
            file.write(b"0,0\n" * 2**20)


_text("c12 gzip in gzip", "yours:file-format", gzip.compress(gzip.compress(PLAIN.encode())), "x.csv.gz")
_text("c12 gzip cut short", "yours:file-unreadable", gzip.compress(PLAIN.encode() * 50)[:-20], "x.csv.gz")
_text("c12 an honest gzip", READY, gzip.compress(PLAIN.encode()), "x.csv.gz")


@case("c13 three million different words", "x.csv", READY, notice="data:identifier")
def _(path: Path) -> None:
    with path.open("w") as file:
        file.write("word,label\n")
        file.writelines(f"w{n:x},{'ab'[n % 2]}\n" for n in range(3_000_000))


_text("c14 no bytes", "yours:file-empty", b"")
_text("c14 blank lines only", "yours:file-empty", b"\n\r\n \n")
_text("c15 header only", "yours:file-empty", "a,b,c\n")
_text("c15 three rows", "yours:too-few-rows", table("a,b", "{n},{c}", 3))
_text("c16 one class", "yours:one-class", table("x,label", "{n},yes"), place="column 'label'")
_text("c17 no label at all", "yours:labels-missing", table("x,label", "{n},"), place="column 'label'")
_text("c17 some labels missing", READY, PLAIN + "77,\n", notice="data:target-missing")
_text("c18 a name of 1 MB", READY, table("x" * 2**20 + ",label", "{n},{c}"), notice="data:column-renamed")
_text("c18 a name of 20 MB", "yours:csv-field", table("x" * 20 * 2**20 + ",label", "{n},{c}"))
_text(
    "c19 names that are no names",
    READY,
    table('__proto__,../../etc,"a\'b""c",\u202egnp.exe,;DROP TABLE,label', "{n},2,3,4,5,{c}"),
)
_text("c19 a name left out", READY, table(",x,label", "{n},3,{c}"), notice="data:column-renamed")
_text("c20 semicolons", READY, table("x;label", "{n};{c}"), notice="data:separator")
_text("c20 bars", READY, table("x|label", "{n}|{c}"), notice="data:separator")
_text("c20 tabs", READY, table("x\tlabel", "{n}\t{c}"), "x.tsv")
_text("c20 one column", READY, table("text", "line {n} says something of interest to all"))
_text("c21 no header", READY, table("1.5,2.5", "{n},4.5"), notice="data:header-looks-like-data")
_text(
    "c22 offsets of many zones",
    READY,
    table("at,label", "2024-01-{n:02d}T10:00:00+0{n}:00,{c}".replace("{n:02d}", "1{n}").replace("+0{n}", "+0{n}"), 10)
    + table("2024-03-01T00:00:00Z,a", "2024-02-01T00:00:00Z,{c}"),
    notice="data:time-zones",
)
_text(
    "c23 day or month first",
    READY,
    table("day,label", "0{n}/05/2024,{c}", 9) + table("01/02/2024,a", "03/04/2024,{c}"),
    notice="data:date-order",
)
_text(
    "c24 the answer in another column",
    READY,
    table("x,copy,label", "{n},{c}{c},{c}", 100),
    notice="data:leakage-suspect",
)
_text("c25 every row twice", READY, PLAIN + PLAIN.split("\n", 1)[1], notice="data:duplicate-rows")

_FOREIGN = {
    "x.xls": b"\xd0\xcf\x11\xe0" + b"\0" * 100,
    "x.pdf": b"%PDF-1.7\n",
    "x.pkl": b"\x80\x04\x95" + b"." * 50,
    "x.npy": b"\x93NUMPY\x01\x00" + b"\0" * 50,
    "x.h5": b"\x89HDF\r\n\x1a\n",
    "x.png": b"\x89PNG\r\n\x1a\n",
    "x.csv.bz2": b"BZh91AY",
    "x.csv.zst": b"\x28\xb5\x2f\xfd" + b"\0" * 20,
    "x.7z": b"7z\xbc\xaf\x27\x1c",
    "x.sqlite": b"SQLite format 3\0",
}
for _name, _magic in _FOREIGN.items():
    _text(f"f {_name}", "yours:file-format", _magic, _name)


def _lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


_ROWS = [{"x": n, "label": "ab"[n % 2]} for n in range(ROWS)]
_text("j1 JSON lines", READY, _lines(*_ROWS), "x.jsonl")
_text("j1 JSON lines behind gzip", READY, gzip.compress(_lines(*_ROWS).encode()), "x.jsonl.gz")
_text(
    "j2 nested 100,000 deep",
    "yours:file-unreadable",
    _lines(*_ROWS) + '{"x":' + "[" * 100_000 + "]" * 100_000 + "}\n",
    "x.jsonl",
    place="line 41",
)
_text(
    "j3 a number of 5 million digits", "yours:csv-field", _lines(*_ROWS) + '{"x":' + "9" * 5_000_000 + "}\n", "x.jsonl"
)
_text(
    "j4 NaN and Infinity",
    READY,
    _lines(*_ROWS) + '{"x": NaN, "label": "a"}\n{"x": Infinity, "label": "a"}\n',
    "x.jsonl",
    notice="data:infinite-number",
)
_text("j5 a name twice", "yours:csv-duplicate-column", '{"x": 1, "x": 2}\n', "x.jsonl", place="line 1")
_text("j6 a list on a line", "yours:file-unreadable", _lines(*_ROWS) + "[1]\n", "x.jsonl", place="line 41")
_text("j7 10,000 different names", "yours:csv-columns", _lines(*({f"k{n}": 1} for n in range(10_000))), "x.jsonl")
_text("j8 NUL and half a surrogate pair", READY, _lines(*_ROWS) + '{"x": 1, "label": "\\u0000\\ud800"}\n', "x.jsonl")
_text(
    "j9 lists in cells",
    READY,
    _lines(*({**row, "tags": [1, {"a": 2}]} for row in _ROWS)),
    "x.jsonl",
    notice="data:nested-value",
)


@case("r random bytes named .csv", "x.csv", "yours:csv-nul")
def _(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(2**20))


def csv_with_bom_in_gzip() -> bytes:
    out = io.BytesIO()
    with gzip.open(out, "wb") as file:
        file.write(b"\xef\xbb\xbf" + PLAIN.encode())
    return out.getvalue()


_text("c8 byte order mark behind gzip", READY, csv_with_bom_in_gzip(), "x.csv.gz")
