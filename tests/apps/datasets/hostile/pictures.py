"""Small honest images, and the plain set of them that hostile ones are hidden in."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from tests.apps.datasets.hostile.zip_writer import Item


def pixels(seed: int, side: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)


def picture(seed: int = 0, kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels(seed)).convert(mode).save(out, kind, **options)
    return out.getvalue()


def plain_set(count: int = 12) -> list[Item]:
    """Two classes of `count` images each."""
    return [
        Item(f"{label}/{n:03}.png", picture(n + 1000 * (label == "dogs")))
        for label in ("cats", "dogs")
        for n in range(count)
    ]


def png(width: int, height: int, *chunks: tuple[bytes, bytes], depth: int = 8, colour: int = 0) -> bytes:
    """A PNG whose header may claim anything."""
    header = struct.pack(">2L5B", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"\x00" * 1000)), (b"IEND", b"")]
    body = b"".join(struct.pack(">L", len(d)) + k + d + struct.pack(">L", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + body
