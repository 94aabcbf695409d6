"""The binary tensor extension of the Open Inference Protocol: little-endian numbers, length-prefixed byte strings."""

import struct
from math import prod
from typing import Any

import numpy as np

_WIDTH = {
    "BOOL": "<?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


def unpack(datatype: str, shape: list[int], data: bytes) -> Any:
    """Return the tensor. Raises ValueError saying what does not fit."""
    count = prod(shape)
    if datatype == "BYTES":
        return _unpack_strings(data, count).reshape(shape)
    kind = np.dtype(_WIDTH[datatype])
    if len(data) != count * kind.itemsize:
        raise ValueError(f"{len(data)} bytes do not fill the shape {shape} of {datatype}")
    return np.frombuffer(data, dtype=kind).reshape(shape)


def _unpack_strings(data: bytes, count: int) -> Any:
    texts, at = [], 0
    while at < len(data):
        if at + 4 > len(data):
            raise ValueError("a string has no length")
        (length,) = struct.unpack_from("<I", data, at)
        at += 4
        if at + length > len(data):
            raise ValueError("a string is cut off")
        try:
            texts.append(data[at : at + length].decode())
        except UnicodeDecodeError:
            raise ValueError("a string is not UTF-8") from None
        at += length
    if len(texts) != count:
        raise ValueError(f"{len(texts)} strings do not fill the shape")
    return np.array(texts, dtype=object)


def pack(tensor: Any) -> bytes:
    """Row-major bytes of a tensor."""
    if tensor.dtype == object:
        encoded = [str(text).encode() for text in tensor.reshape(-1).tolist()]
        return b"".join(struct.pack("<I", len(text)) + text for text in encoded)
    return np.ascontiguousarray(tensor).tobytes()
