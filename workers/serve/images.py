"""The one named codec, image/rgb-uint8-v1: PNG, JPEG or WebP bytes to upright RGB pixels, within strict limits."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from workers.serve.call import IMAGES
from workers.serve.problems import Refused, field_error

if TYPE_CHECKING:
    from workers.serve.call import Call

CONTENT_TYPES = {b"image/jpeg", b"image/png", b"image/webp"}
FORMATS = ("PNG", "JPEG", "WEBP")  # named, so that Pillow never tries EPS, PSD and the like
MAX_PIXELS = 40_000_000  # of all images of a request together

# Pillow only warns between its limit and twice that; here the header's size is checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Any:
    """Return uint8 [1, H, W, 3]. Raises Refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            if image.width * image.height > max_pixels:
                raise Refused("yours:image-pixels", f"This one has {image.width} × {image.height}.")
            upright = ImageOps.exif_transpose(image)
            pixels = np.asarray(upright.convert("RGB"), dtype=np.uint8)
    except Image.DecompressionBombError:
        raise Refused("yours:image-pixels") from None
    except Refused:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, KeyError, TypeError) as error:
        raise Refused("yours:malformed", f"The image cannot be decoded ({type(error).__name__}).") from None
    return pixels[np.newaxis]


def decode_images(call: Call) -> tuple[Any, Any]:
    """Return what the model's input takes and what must be equal to share a batch. Raises Refused.

    One image: uint8 [1, H, W, 3]. Several: a list of those, which share a batch with nobody.
    """
    if call.kind != IMAGES:
        pixels = decode_image(call.take_body())
        return pixels, pixels.shape[1:]
    images, left = [], MAX_PIXELS
    for part in call.rows or []:
        try:
            images.append(decode_image(part["data"], left))
        except Refused as refusal:
            raise _named(refusal, part["name"]) from None
        left -= images[-1].shape[1] * images[-1].shape[2]
    return images, (IMAGES, id(call))


def _named(refusal: Refused, name: str) -> Refused:
    """The same refusal, saying which part of the form it is about."""
    error = field_error(name, refusal.failure.title, refusal.failure.fix)
    return Refused(refusal.code, f"{name}: {refusal.failure.title}.", errors=[error], status=refusal.status)


def run_images(run: Callable[[dict[str, Any]], dict[str, Any]], feed: dict[str, Any]) -> dict[str, Any]:
    """Run the images of one request, those of a size together; outputs are in the order of the images."""
    ((name, images),) = feed.items()
    sizes: dict[Any, list[int]] = {}
    for place, image in enumerate(images):
        sizes.setdefault(image.shape, []).append(place)
    parts = [run({name: np.concatenate([images[place] for place in places])}) for places in sizes.values()]
    order = np.argsort([place for places in sizes.values() for place in places])
    return {output: np.concatenate([part[output] for part in parts])[order] for output in parts[0]}
