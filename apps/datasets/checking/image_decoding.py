"""Decodes one image within limits and says what it is. Only three codecs are ever tried."""

import base64
import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from apps.datasets.checking import limits
from apps.datasets.checking.findings import Refusal

FORMATS = ("PNG", "JPEG", "WEBP")  # always named: Pillow would otherwise look for Ghostscript and friends
_ORIENTATION, _GPS = 0x0112, 0x8825
_THUMBNAIL = 96
Image.MAX_IMAGE_PIXELS = limits.IMAGE_PIXELS


@dataclass(frozen=True)
class Picture:
    width: int
    height: int
    mode: str
    format: str
    frames: int
    is_turned: bool
    has_location: bool
    print: bytes  # equal for pictures that look the same
    thumbnail: str = ""  # data URI


class Unreadable(Exception):
    """The bytes are no PNG, JPEG or WebP that can be decoded to the end."""


def look_at(content: bytes, name: str, *, with_thumbnail: bool) -> Picture:
    """Decode fully. Raises Unreadable, or Refusal for too many pixels."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > limits.IMAGE_PIXELS:
                raise _too_many(f"{image.width:,} × {image.height:,}", name)
            return _examine(image, with_thumbnail=with_thumbnail)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many("too many", name) from error
    except MemoryError as error:
        raise _too_many("more than fit", name) from error
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise Unreadable(str(error)[:120] or type(error).__name__) from error  # what Pillow raises on damaged files


def _examine(image: Image.Image, *, with_thumbnail: bool) -> Picture:
    image.load()
    exif = image.getexif()
    small = image.convert("RGBA" if "A" in image.mode or "transparency" in image.info else "RGB")
    small.thumbnail((2 * _THUMBNAIL, 2 * _THUMBNAIL))
    upright = _upright(small, exif.get(_ORIENTATION, 1)).convert("RGB")
    return Picture(
        width=image.width,
        height=image.height,
        mode=image.mode,
        format=str(image.format),
        frames=getattr(image, "n_frames", 1),
        is_turned=exif.get(_ORIENTATION, 1) not in (0, 1),
        has_location=_GPS in exif,
        print=_print(upright),
        thumbnail=_thumbnail(upright) if with_thumbnail else "",
    )


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    exif = image.getexif()
    exif[_ORIENTATION] = orientation
    image.info["exif"] = exif.tobytes()
    return ImageOps.exif_transpose(image)


def _print(image: Image.Image) -> bytes:
    """Difference hash, 16 × 16, with the rough colour: robust to re-encoding and scaling, not to cropping."""
    grey = np.asarray(image.convert("L").resize((17, 16), Image.Resampling.BILINEAR), np.int16)
    rough = np.asarray(image.resize((2, 2), Image.Resampling.BOX), np.uint8) >> 4
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes() + rough.tobytes()


def _thumbnail(image: Image.Image) -> str:
    """A PNG data URI of bare pixels: no metadata survives."""
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    bare.thumbnail((_THUMBNAIL, _THUMBNAIL))
    out = io.BytesIO()
    bare.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _too_many(pixels: str, name: str) -> Refusal:
    return Refusal("yours:image-pixels", f"The image has {pixels} pixels.", name)
