"""How long one row takes through ONNX Runtime on one thread: the figure on the candidate board and in the manifest."""

import time

import numpy as np
import onnxruntime

MOST_CALLS = 200
MOST_S = 0.3


def one_row_ms(session: onnxruntime.InferenceSession, feed: dict[str, np.ndarray]) -> float:
    """Median over up to 200 calls or 0.3 s, after three calls to warm up."""
    row = {name: values[:1] for name, values in feed.items()}
    for _ in range(3):
        session.run(None, row)
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < MOST_CALLS and (time.perf_counter() - start < MOST_S or not times):
        before = time.perf_counter()
        session.run(None, row)
        times.append((time.perf_counter() - before) * 1000)
    return round(float(np.median(times)), 4)
