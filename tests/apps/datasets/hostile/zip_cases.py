"""ZIPs that lie about themselves, unpack for ever or want out of their folder."""

import io
import struct
import unicodedata
import zipfile
import zlib
from pathlib import Path

from tests.apps.datasets.hostile.cases import READY, case, case_of
from tests.apps.datasets.hostile.pictures import picture, plain_set, png
from tests.apps.datasets.hostile.zip_writer import Item, write_zip


def _with(name: str, expected: str, items: list[Item], *, notice: str = "", place: str = "", count: int = 12) -> None:
    """A case of the plain set with some items more."""
    case_of(
        name,
        "x.zip",
        expected,
        lambda path: _put(path, write_zip([*plain_set(count), *items])),
        notice=notice,
        place=place,
    )


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@case("z1 entry of 300 MB zeros", "x.zip", "yours:zip-too-large", place="cats/bomb.png")
def _(path: Path) -> None:
    engine, parts = zlib.compressobj(9, zlib.DEFLATED, -15), []
    for _ in range(300):
        parts.append(engine.compress(b"\0" * 2**20))
    packed = b"".join(parts) + engine.flush()
    _put(path, write_zip([*plain_set(), Item("cats/bomb.png", packed=packed, plain_bytes=300 * 2**20)]))


@case("z1 many entries above the total", "x.zip", "yours:zip-too-large")
def _(path: Path) -> None:
    items = [Item(f"cats/{n}.png", packed=b"\0" * 330_000, plain_bytes=60 * 2**20) for n in range(140)]
    _put(path, write_zip(items))


@case("z1 ratio above 200", "x.zip", "yours:zip-too-large")
def _(path: Path) -> None:
    _put(path, write_zip([*plain_set(), Item("cats/bomb.png", b"\0" * 20 * 2**20)]))


@case("z2 entries over the same bytes", "x.zip", "yours:zip-overlap")
def _(path: Path) -> None:
    item = Item("cats/a.png", picture())
    _put(path, write_zip([item, *[Item(f"cats/{n}.png", picture(), at=0, is_written=False) for n in range(60)]]))


@case("z2 an entry inside another's data", "x.zip", "yours:zip-overlap")
def _(path: Path) -> None:
    inner = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0x800, 0, 0, 33, 0, 0, 0, 10, 0) + b"cats/b.png"
    outer = Item("cats/a.png", inner, method=0)
    _put(path, write_zip([outer, Item("cats/b.png", method=0, at=30 + len("cats/a.png"), is_written=False)]))


@case("z2 an entry reaching into the directory", "x.zip", "yours:zip-overlap")
def _(path: Path) -> None:
    _put(path, write_zip([Item("cats/a.png", picture(), method=0, packed_bytes=5000, plain_bytes=5000)]))


_with("z3 a ZIP in the ZIP", READY, [Item("inner.zip", write_zip(plain_set(3)), method=0)], notice="data:ignored-files")
for _number, _name in enumerate(
    ("../evil.png", "cats/../../evil.png", "/etc/evil.png", "..\\evil.png", "C:/evil.png", "cats//a.png", "./a.png")
):
    _with(f"z4-z6 path {_number}", "yours:zip-bad-path", [Item(_name, picture())])
_with(
    "z7 a symbolic link",
    "yours:zip-link",
    [Item("cats/passwd.png", b"/etc/passwd", mode=0o120777)],
    place="cats/passwd.png",
)
_with("z7 a device", "yours:zip-link", [Item("cats/zero.png", mode=0o020666)])
_with("z7 a named pipe", "yours:zip-link", [Item("cats/pipe.png", mode=0o010666)])
_with("z8 the same name twice", "yours:zip-duplicate", [Item("cats/000.png", picture(7))])
_with("z9 the same name in capitals", "yours:zip-duplicate", [Item("CATS/000.PNG", picture(7))])
_with(
    "z9 the same name decomposed",
    "yours:zip-duplicate",
    [Item(unicodedata.normalize(form, "cats/é.png"), picture(7)) for form in ("NFC", "NFD")],
)


@case("z10 200,000 entries", "x.zip", "yours:zip-entries")
def _(path: Path) -> None:
    _put(path, write_zip([Item(f"c/{n}", method=0) for n in range(200_000)]))


_bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
_200_mb = _bomb.compress(b"\0" * 200 * 2**20) + _bomb.flush()
_with("z11 says 10 bytes, is 200 MB", "yours:zip-size-mismatch", [Item("cats/lie.png", packed=_200_mb, plain_bytes=10)])
_with(
    "z11 the same in a file that is ignored",
    "yours:zip-size-mismatch",
    [Item("lie.txt", packed=_200_mb, plain_bytes=10)],
)
_with("z11 says more than there is", "yours:zip-size-mismatch", [Item("cats/lie.png", picture(), plain_bytes=99_999)])
_with("z11 a wrong checksum", "yours:zip-size-mismatch", [Item("cats/lie.png", picture(), crc=1)])
_with(
    "z11 stored with two sizes", "yours:zip-size-mismatch", [Item("cats/lie.png", picture(), method=0, plain_bytes=9)]
)
_with(
    "z11 two names for one entry", "yours:zip-size-mismatch", [Item("cats/a.png", picture(), local_name=b"cats/b.png")]
)
_with("z12 a name of 5,000 bytes", "yours:zip-bad-path", [Item("cats/" + "a" * 5000 + ".png", picture())])
_with("z13 2,000 folders deep", "yours:zip-bad-path", [Item("a/" * 2000 + "a.png", picture())])
_with("z13 100 folders deep", "yours:zip-bad-path", [Item("a/" * 100 + "a.png", picture())])
_with("z14 a NUL in the name", "yours:zip-bad-path", [Item("cats/a.png\0.exe", picture())])
_with("z14 a line break in the name", "yours:zip-bad-path", [Item("cats/a\r\n.png", picture())])
_with("z14 a name that is no UTF-8", "yours:zip-bad-path", [Item(b"cats/\xff\xfe.png", picture())])
case_of("z15 cut short", "x.zip", "yours:file-unreadable", lambda path: _put(path, write_zip(plain_set())[:-3000]))
case_of("z15 only the beginning", "x.zip", "yours:file-unreadable", lambda path: _put(path, b"PK\x03\x04" + b"\0" * 30))
case_of(
    "z15 bytes behind the end",
    "x.zip",
    "yours:file-unreadable",
    lambda path: _put(path, write_zip(plain_set(), tail=b"more")),
)
_with("z16 encrypted", "yours:zip-method", [Item("cats/secret.png", picture(), flags=0x801)])
for _method in (12, 14, 93, 95, 99):
    _with(
        f"z17 method {_method}",
        "yours:zip-method",
        [Item("cats/a.png", method=_method, packed=b"x" * 500, plain_bytes=500)],
    )
_with("z17 damaged deflate data", "yours:zip-size-mismatch", [Item("cats/a.png", packed=b"\xff" * 50, plain_bytes=500)])
case_of(
    "z18 PNG and ZIP in one",
    "x.zip",
    "yours:file-format",
    lambda path: _put(path, write_zip(plain_set(), head=picture())),
)
case_of(
    "z18 a ZIP before the ZIP", "x.zip", "yours:file-unreadable",
    lambda path: _put(path, write_zip(plain_set(2)) + write_zip(plain_set())),
)  # fmt: skip


@case("z19 ZIP64 lies about the number", "x.zip", "yours:zip-entries")
def _(path: Path) -> None:
    _put(path, write_zip(plain_set(), entries=2**40))


@case("z19 ZIP64 lies a little", "x.zip", "yours:file-unreadable")
def _(path: Path) -> None:
    _put(path, write_zip(plain_set(), entries=70_000))


case_of("z20 an empty ZIP", "x.zip", "yours:file-empty", lambda path: _put(path, write_zip([])))
_with(
    "z21 what archivers leave behind",
    READY,
    [
        Item(name, b"junk")
        for name in ("__MACOSX/cats/._000.png", ".DS_Store", "cats/.DS_Store", "cats/Thumbs.db", "desktop.ini")
    ],
)
_with("z22 an image in no folder", "yours:zip-layout", [Item("stray.png", picture())], place="stray.png")
_with("z22 images at two depths", "yours:zip-layout", [Item("cats/more/a.png", picture())], place="cats/more/a.png")
case_of(
    "z22 one class",
    "x.zip",
    "yours:one-class",
    lambda path: _put(path, write_zip([i for i in plain_set(30) if str(i.name).startswith("cats")])),
)
_with(
    "z22 classes like code",
    READY,
    [Item(f"{label}/{n}.png", picture(n)) for label in ("<script>alert(1)<", "=cmd|calc") for n in range(4)],
)
_with(
    "z22 a class name of 900 bytes", "yours:zip-bad-path", [Item(f"{'k' * 900}/{n}.png", picture(n)) for n in range(4)]
)
_with(
    "z22 a class of two", "yours:class-too-small", [Item(f"birds/{n}.png", picture(n)) for n in range(2)], place="birds"
)
case_of("z23 few images", "x.zip", "yours:too-few-rows", lambda path: _put(path, write_zip(plain_set(4))))
case_of(
    "z24 a table in the ZIP",
    "x.zip",
    "yours:zip-layout",
    lambda path: _put(path, write_zip([Item("train.csv", b"a,b\n1,2\n")])),
)
case_of(
    "z25 a workbook",
    "x.xlsx",
    "yours:file-format",
    lambda path: _put(path, write_zip([Item("[Content_Types].xml", b"<x/>"), Item("xl/a.xml", b"")])),
)


@case("z26 an honest archiver, ZIP64 records, folders, a common root", "x.zip", READY)
def _(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("photos")
        for item in plain_set():
            with archive.open(f"photos/{item.name}", "w", force_zip64=True) as entry:
                entry.write(item.data)


@case("z27 an honest archiver writing to a pipe", "x.zip", READY)
def _(path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in plain_set():
            archive.writestr(str(item.name), item.data)
    _put(path, pipe.getvalue())


_with(
    "i1 32,000 × 32,000 pixels in a few bytes",
    "yours:image-pixels",
    [Item("cats/a.png", png(32000, 32000, depth=1))],
    place="cats/a.png",
)
