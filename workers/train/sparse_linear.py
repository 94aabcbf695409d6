"""Softmax regression on sparse features by L-BFGS, for one penalty after another, strong to weak, each going on from
the one before; two classes need one column of weights only.

The penalty is lighter on features that tell a class from the others by their counts alone (Wang and Manning, "Baselines
and bigrams", 2012): the weights are those counts' log ratio, and a little for all, times what is penalised.
"""

import contextlib

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from workers.train.budget import Slice

LOOSENESS = (0.5, 2.0, 6.0, 20.0, 60.0)  # C in the words of scikit-learn, strong to weak: penalty 1 / (rows · C)
FOR_ALL = 0.5  # of a feature whose counts say nothing
MOST_STEPS = 40  # per penalty; the path is warm

# The last digits of the loss change no prediction worth the time.
_OPTIONS = {"maxiter": MOST_STEPS, "maxcor": 6, "ftol": 1e-6}

Layer = tuple[np.ndarray, np.ndarray]


class _TimeIsUp(Exception):
    pass


def fit_sparse(
    x: sparse.csr_matrix,
    y: np.ndarray,
    classes: int,
    penalty: float,
    time: Slice,
    start: Layer | None = None,
) -> Layer:
    """Weight [D, C], bias [C], float32. Stops early, with what it has, when the time is up."""
    columns = 1 if classes == 2 else classes
    target = y.astype(np.float64)[:, None] if columns == 1 else np.eye(classes)[y]
    shape = (x.shape[1] + 1, columns)
    x = x.astype(np.float64)  # once: a product with mixed precisions would convert each time
    transposed = x.T.tocsr()
    leaning = _leaning(transposed, target)
    seen = np.zeros(shape[0] * columns) if start is None else _flat(start, columns, leaning)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal seen
        if time.is_over():
            raise _TimeIsUp
        seen = flat.copy()
        both = flat.reshape(shape)
        raw = x @ (leaning * both[:-1]) + both[-1]
        if columns == 1:
            value = float((np.logaddexp(0, raw) - raw * target).mean())
            error = (1 / (1 + np.exp(-np.clip(raw, -60, 60))) - target) / len(y)
        else:
            raw -= raw.max(axis=1, keepdims=True)
            spread = np.exp(raw)
            total = spread.sum(axis=1, keepdims=True)
            value = float((np.log(total[:, 0]) - (raw * target).sum(axis=1)).mean())
            error = (spread / total - target) / len(y)
        value += 0.5 * penalty * float((both[:-1] ** 2).sum())
        slope = np.vstack([leaning * (transposed @ error) + penalty * both[:-1], error.sum(axis=0)[None]])
        return value, slope.ravel()

    with contextlib.suppress(_TimeIsUp):
        seen = minimize(loss, seen, jac=True, method="L-BFGS-B", options=_OPTIONS).x
    both = seen.reshape(shape)
    weight, bias = (leaning * both[:-1]).astype(np.float32), both[-1].astype(np.float32)
    if columns == 1:
        return np.hstack([np.zeros_like(weight), weight]), np.concatenate([np.zeros_like(bias), bias])
    return weight, bias


def _leaning(transposed: sparse.csr_matrix, target: np.ndarray) -> np.ndarray:
    """[D, columns]: how far each feature leans to a class, by the log ratio of its share there and elsewhere."""
    inside = np.asarray(transposed @ target) + 1.0
    outside = np.asarray(transposed @ (1.0 - target)) + 1.0
    ratio = np.log(inside / inside.sum(axis=0)) - np.log(outside / outside.sum(axis=0))
    return FOR_ALL + np.abs(ratio)


def _flat(layer: Layer, columns: int, leaning: np.ndarray) -> np.ndarray:
    weight, bias = layer
    if columns == 1:
        weight, bias = weight[:, 1:], bias[1:]
    return np.vstack([weight / leaning, bias[None]]).astype(np.float64).ravel()
