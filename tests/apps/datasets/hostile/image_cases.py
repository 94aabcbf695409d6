"""Images that are no images, are too large, or need care."""

import io
import zlib
from pathlib import Path

from PIL import Image

from tests.apps.datasets.hostile.cases import READY, case, case_of
from tests.apps.datasets.hostile.pictures import picture, pixels, plain_set, png
from tests.apps.datasets.hostile.zip_writer import Item, write_zip


def _with(name: str, expected: str, content: bytes, suffix: str = "png", *, notice: str = "", count: int = 12) -> None:
    def make(path: Path) -> None:
        path.write_bytes(write_zip([*plain_set(count), Item(f"cats/odd.{suffix}", content)]))

    place = f"cats/odd.{suffix}" if expected != READY else ""
    case_of(name, "x.zip", expected, make, notice=notice, place=place)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _exif(tag: int, value: object) -> Image.Exif:
    exif = Image.Exif()
    exif[tag] = value
    return exif


def _gps() -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)}
    return exif


_plain = Image.fromarray(pixels(5, 40))
_with("i2 2^31 pixels in a row", "yours:image-pixels", png(2**31 - 1, 1))
_with("i3 169 million pixels", "yours:image-pixels", png(13000, 13000))
_with(
    "i4 300 MB of text in a chunk",
    "yours:image-invalid",
    png(8, 8, (b"zTXt", b"k\0\0" + zlib.compress(b"a" * 64 * 2**20, 1))),
)
_with("i5 a JPEG cut short", "yours:image-invalid", picture(1, "JPEG")[:-200], "jpg")
_with("i6 no bytes", "yours:image-invalid", b"")
_with("i6 one bad among three hundred is left out", READY, b"nothing", count=150, notice="data:image-unreadable")
_with(
    "i7 SVG named .png",
    "yours:image-invalid",
    b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
)
_with(
    "i8 EPS named .jpg", "yours:image-invalid", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(x) run\n", "jpg"
)
_with(
    "i10 an animated WebP",
    READY,
    _saved(_plain, "WEBP", save_all=True, append_images=[Image.fromarray(pixels(6, 40))] * 3),
    "webp",
    notice="data:image-converted",
)
_with("i11 CMYK", READY, picture(1, "JPEG", "CMYK"), "jpg", notice="data:image-converted")
_with("i12 16 bits", READY, _saved(Image.new("I;16", (20, 20), 40000), "PNG"), notice="data:image-converted")
_with(
    "i13 palette with transparency",
    READY,
    _saved(_plain.convert("P"), "PNG", transparency=3),
    notice="data:image-converted",
)
_with("i13 grey with alpha", READY, _saved(_plain.convert("LA"), "PNG"), notice="data:image-converted")
_with("i14 turned by EXIF", READY, _saved(_plain, "JPEG", exif=_exif(0x0112, 6)), "jpg", notice="data:image-converted")
_with("i15 a place in EXIF", READY, _saved(_plain, "JPEG", exif=_gps()), "jpg", notice="data:image-location")
_with("i16 a JPEG with a script behind it", READY, picture(1, "JPEG") + b"<script>alert(1)</script>" * 100, "jpg")
for _kind, _suffix in (("TIFF", "tif"), ("ICO", "ico"), ("BMP", "bmp"), ("GIF", "gif")):
    _with(f"i17 {_kind}", "yours:image-invalid", _saved(_plain, _kind), _suffix)
    _with(f"i17 {_kind} named .png", "yours:image-invalid", _saved(_plain, _kind))
_with("i17 Photoshop named .jpg", "yours:image-invalid", b"8BPS" + b"\0" * 200, "jpg")
_with("i18 a header that is no header", "yours:image-invalid", b"\x89PNG\r\n\x1a\n" + b"\xff" * 500)
_with("i19 the same picture in two classes", READY, picture(1003), notice="data:label-conflict")


@case("i9 a GIF of 3,000 frames", "x.zip", "yours:image-invalid")
def _(path: Path) -> None:
    frames = [Image.new("L", (2, 2), n % 256) for n in range(3000)]
    gif = _saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    path.write_bytes(write_zip([*plain_set(), Item("cats/film.gif", gif), Item("cats/film.png", gif)]))
