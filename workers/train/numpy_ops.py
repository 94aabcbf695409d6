"""The few operations a forecast is made of, on numpy arrays. `workers.export.graph_ops` has the same on graph nodes.

A forecast's arithmetic is written once against these names (see `forecast_forward`). Everything is float64: sums,
products and comparisons then agree between numpy and ONNX Runtime far below the precision of the answer.
"""

from typing import Any

import numpy as np

floor, log, exp, isnan, where = np.floor, np.log, np.exp, np.isnan, np.where
minimum, maximum = np.minimum, np.maximum


def constant(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def absolute(x: np.ndarray) -> np.ndarray:
    return np.abs(x)


def nearest(x: np.ndarray) -> np.ndarray:
    """Round half to even."""
    return np.round(x)


def take(x: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Columns of [N, L] by number: [N, *places.shape]."""
    return x[:, places]


def product(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return x @ matrix


def mean(x: np.ndarray) -> np.ndarray:
    """Over axis 1, kept: [N, 1]."""
    return x.mean(axis=1, keepdims=True)


def smallest(x: np.ndarray) -> np.ndarray:
    return x.min(axis=1, keepdims=True)


def largest(x: np.ndarray) -> np.ndarray:
    return x.max(axis=1, keepdims=True)


def add_axis(x: np.ndarray) -> np.ndarray:
    return x[..., None]


def join(parts: list[np.ndarray]) -> np.ndarray:
    """Along the last axis; parts are broadcast to one another on the others."""
    shape = np.broadcast_shapes(*(one.shape[:-1] for one in parts))
    return np.concatenate([np.broadcast_to(one, (*shape, one.shape[-1])) for one in parts], axis=-1)


def trees(x: np.ndarray, grown: Any, width: int, horizon: int) -> np.ndarray:
    """[N, H, F] → [N, H] through LightGBM itself; features go in as float32, as the graph's do."""
    rows = x.reshape(-1, width).astype(np.float32).astype(np.float64)
    return np.asarray(grown.raw(rows)[:, 0].reshape(-1, horizon))


def network(x: np.ndarray, layers: Any) -> np.ndarray:
    """Mean of K small networks with a straight path beside the hidden layer: x [N, L] → [N, H]."""
    straight, bias, into, into_bias, out = layers
    total = x @ straight + bias
    for k in range(len(into)):
        hidden = np.maximum(x @ into[k] + into_bias[k], 0.0)
        total = total + hidden @ out[k]
    return np.asarray(total)
