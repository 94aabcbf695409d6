"""Loads what Python and its libraries look for only at first use: behind the walls the source code cannot be read."""

import _strptime  # noqa: F401
import encodings.cp437
import encodings.cp1252
import encodings.latin_1
import encodings.utf_8_sig
import encodings.utf_16_be
import encodings.utf_16_le  # noqa: F401
from datetime import UTC, datetime

import numpy.ma  # Arrow looks for it when it takes an array from numpy
import numpy.random
import PIL.JpegImagePlugin
import PIL.PngImagePlugin
import PIL.TiffImagePlugin  # EXIF is a TIFF directory
import PIL.WebPImagePlugin
import pyarrow as pa
import pyarrow.compute as pc


def warm() -> None:
    """Use once what loads lazily: time zones, random numbers, Pillow's registry, Arrow's kernels."""
    PIL.Image.preinit()
    numpy.random.default_rng(0)
    moment = pa.scalar(datetime(2000, 1, 1, tzinfo=UTC), pa.timestamp("us", tz="UTC"))
    moment.as_py()
    pc.cast(pa.array(["1"]), pa.float64())
