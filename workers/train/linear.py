"""Linear models on dense features: ridge in closed form, softmax regression by L-BFGS, penalty chosen by validation."""

import contextlib

import numpy as np
from scipy.optimize import minimize

from workers.train.budget import Slice

RIDGE_PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0001)
SOFTMAX_PENALTIES = (
    0.1,
    0.03,
    0.01,
    0.003,
    0.001,
    0.0003,
    0.0001,
    0.00003,
)  # strong to weak, each warm-started by the one before
MOST_STEPS = 60  # L-BFGS steps per penalty
MOST_CELLS = 40_000_000  # larger training matrices are thinned: a linear model gains nothing from more

Layer = tuple[np.ndarray, np.ndarray]


def fit_ridge(x: np.ndarray, y: np.ndarray, penalties: tuple[float, ...]) -> list[Layer]:
    """One (weight [D, 1], bias [1]) per penalty. One eigendecomposition serves them all."""
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    x_mean, y_mean = x64.mean(axis=0), y64.mean()
    centred = x64 - x_mean
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x64))
    projected = vectors.T @ (centred.T @ (y64 - y_mean) / len(x64))
    fits = []
    for penalty in penalties:
        weight = vectors @ (projected / (np.maximum(values, 0) + penalty))
        fits.append((weight[:, None].astype(np.float32), np.array([y_mean - x_mean @ weight], dtype=np.float32)))
    return fits


def thin(rows: int, width: int) -> np.ndarray:
    """Every n-th row, so that the matrix stays below MOST_CELLS."""
    return np.arange(0, rows, max(1, int(np.ceil(rows * width / MOST_CELLS))))


class _TimeIsUp(Exception):
    pass


def fit_softmax(
    x: np.ndarray, y: np.ndarray, classes: int, penalty: float, time: Slice, start: Layer | None = None
) -> Layer:
    """Weight [D, C], bias [C] of softmax regression with mean cross-entropy + penalty/2 · |W|²."""
    rows = thin(len(x), x.shape[1])
    inputs, target = x[rows].astype(np.float64), np.eye(classes)[y[rows]]
    shape = (inputs.shape[1] + 1, classes)  # the last row is the bias
    seen = (
        np.zeros(shape).ravel() if start is None else np.vstack([start[0], start[1][None]]).astype(np.float64).ravel()
    )

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal seen
        if time.is_over():
            raise _TimeIsUp
        seen = flat.copy()
        both = flat.reshape(shape)
        raw = inputs @ both[:-1] + both[-1]
        raw -= raw.max(axis=1, keepdims=True)
        spread = np.exp(raw)
        total = spread.sum(axis=1, keepdims=True)
        error = (spread / total - target) / len(inputs)
        value = float(
            (np.log(total[:, 0]) - (raw * target).sum(axis=1)).mean() + 0.5 * penalty * (both[:-1] ** 2).sum()
        )
        slope = np.vstack([inputs.T @ error + penalty * both[:-1], error.sum(axis=0)[None]])
        return value, slope.ravel()

    with contextlib.suppress(_TimeIsUp):  # the last weights looked at are usable, only not the best
        seen = minimize(loss, seen, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS}).x
    both = seen.reshape(shape).astype(np.float32)
    return both[:-1], both[-1]
