"""Test vectors of an exported model: real inputs with what ONNX Runtime answers, for other runtimes to repeat.

Numbers travel as base64 of their little-endian bytes, so that they arrive bit by bit; words travel as JSON lists.
"""

import base64
import math
from typing import Any

import numpy as np
import onnxruntime

VERSION = 1
MOST_ROWS = 1_000
MOST_BYTES = 2 << 20  # of inputs; the test rows of a set of photos would be too much to keep beside each version
MOST_S = 1.5  # of answering, by the measured latency of one row
BATCH = 64
DATATYPES = {
    np.dtype(np.float32): "FP32",
    np.dtype(np.float64): "FP64",
    np.dtype(np.int64): "INT64",
    np.dtype(np.int32): "INT32",
    np.dtype(np.uint8): "UINT8",
    np.dtype(np.bool_): "BOOL",
}

Feed = dict[str, np.ndarray]


def of(
    session: onnxruntime.InferenceSession, feeds: list[Feed], *, model_sha256: str, tolerance: float, latency_ms: float
) -> dict[str, Any]:
    """`feeds`: rows that go together in one call. The groups of the answer hold up to 64 rows each."""
    left = affordable_rows(latency_ms)
    bytes_left = MOST_BYTES
    groups: list[dict[str, Any]] = []
    outputs = [one.name for one in session.get_outputs()]
    for feed in feeds:
        for at in range(0, _rows(feed), BATCH):
            part = {name: values[at : at + min(BATCH, left)] for name, values in feed.items()}
            part = _trimmed(part, bytes_left)
            if _rows(part) == 0:
                break
            answers = session.run(outputs, part)
            groups.append(
                {
                    "inputs": [_tensor(name, values) for name, values in part.items()],
                    "outputs": [_tensor(name, np.asarray(one)) for name, one in zip(outputs, answers, strict=True)],
                }
            )
            left -= _rows(part)
            bytes_left -= _bytes(part)
    return {
        "schema_version": VERSION,
        "model_sha256": model_sha256,
        "runtime": f"onnxruntime {onnxruntime.__version__} {session.get_providers()[0]}",
        "tolerance": tolerance,
        "rows": sum(group["inputs"][0]["shape"][0] for group in groups),
        "groups": groups,
    }


def affordable_rows(latency_ms: float) -> int:
    """Up to 1,000, at least 8: what can be answered in about 1.5 s."""
    return int(min(MOST_ROWS, max(8, MOST_S * 1000 / max(latency_ms, 1e-3))))


def _rows(feed: Feed) -> int:
    return len(next(iter(feed.values())))


def _bytes(feed: Feed) -> int:
    words = sum(len(str(one)) for values in feed.values() if values.dtype == object for one in values.flat)
    return words + sum(values.nbytes for values in feed.values() if values.dtype != object)


def _trimmed(feed: Feed, most_bytes: int) -> Feed:
    """The first rows of the feed that fit into so many bytes."""
    rows = _rows(feed)
    if rows == 0:
        return feed
    per_row = _bytes(feed) / rows
    fitting = rows if per_row * rows <= most_bytes else max(0, math.floor(most_bytes / per_row))
    return {name: values[:fitting] for name, values in feed.items()}


def _tensor(name: str, values: np.ndarray) -> dict[str, Any]:
    shape = list(values.shape)
    if values.dtype == object or values.dtype.kind in "US":
        return {"name": name, "datatype": "BYTES", "shape": shape, "data": [str(one) for one in values.flat]}
    raw = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
    return {
        "name": name,
        "datatype": DATATYPES[values.dtype],
        "shape": shape,
        "data": base64.b64encode(raw).decode("ascii"),
    }
