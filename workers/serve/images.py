"""The one named codec, image/rgb-uint8-v1: PNG, JPEG or WebP bytes to upright RGB pixels, within strict limits."""

import io
import warnings
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from workers.serve.problems import Refused

CONTENT_TYPES = {b"image/jpeg", b"image/png", b"image/webp"}
FORMATS = ("PNG", "JPEG", "WEBP")  # named, so that Pillow never tries EPS, PSD and the like
MAX_PIXELS = 40_000_000

# Pillow only warns between its limit and twice that; here the header's size is checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def decode_image(data: bytes) -> Any:
    """Return uint8 [1, H, W, 3]. Raises Refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
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
