"""Finds the parameters of smoothing and theta: those whose forecasts at the training origins come nearest.

The loss is the one that counts (mean scaled absolute error over all steps ahead), not the one-step likelihood.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from workers.train import linear_forecasts
from workers.train.budget import Slice

MOST_TRIES = 60  # per variant
LONGEST_SEASON = 400  # a recursion with more states forgets too slowly to be worth its time
MOST_WINDOWS = 300
START = {"flat": (0.3,), "damped": (0.3, 0.1, 0.9), "straight": (0.3, 0.1)}


@dataclass(frozen=True)
class Rows:
    """What a fit looks at, in values or logarithms: x [M, L], and truth [M, H], scale [M] always in values."""

    x: np.ndarray
    truth: np.ndarray
    scale: np.ndarray
    in_logs: bool

    def loss(self, matrix: np.ndarray) -> float:
        answer = self.x @ matrix
        if self.in_logs:
            low, high = self.x.min(axis=1, keepdims=True), self.x.max(axis=1, keepdims=True)
            answer = np.exp(np.clip(answer, low - 3.0, high + 3.0))
        found = float(np.nanmean(np.abs(self.truth - answer) / self.scale[:, None]))
        return found if np.isfinite(found) else 1e9


@dataclass(frozen=True)
class Smoothed:
    matrix: np.ndarray
    loss: float
    note: str


def fit_smoothing(rows: Rows, horizon: int, season: int, trend: str, time: Slice) -> Smoothed:
    """`trend`: "flat", "damped" or "straight"."""
    window = rows.x.shape[1]

    def matrix_of(numbers: np.ndarray) -> np.ndarray:
        alpha, gamma = numbers[0], numbers[-1] if season > 1 else 0.0
        beta = numbers[1] if trend != "flat" else 0.0
        damping = {"flat": 0.0, "straight": 1.0}.get(trend, 0.8 + 0.2 * numbers[min(2, len(numbers) - 1)])
        return linear_forecasts.smoothing(window, horizon, season, alpha, beta, gamma, damping)

    start = [*START[trend], *([0.2] if season > 1 else [])]
    best, loss, numbers = _search(rows, matrix_of, np.array(start), time)
    logs = " of logarithms" if rows.in_logs else ""
    return Smoothed(best, loss, f"{trend} trend, season {season}{logs}, alpha {numbers[0]:.2f}")


def fit_theta(rows: Rows, horizon: int, season: int, time: Slice) -> Smoothed:
    window = rows.x.shape[1]
    best, loss, numbers = _search(
        rows, lambda n: linear_forecasts.theta(window, horizon, season, max(float(n[0]), 0.02)), np.array([0.4]), time
    )
    logs = " of logarithms" if rows.in_logs else ""
    return Smoothed(best, loss, f"season {season}{logs}, alpha {numbers[0]:.2f}")


def _search(
    rows: Rows, matrix_of: Callable[[np.ndarray], np.ndarray], start: np.ndarray, time: Slice
) -> tuple[np.ndarray, float, np.ndarray]:
    """Nelder and Mead over numbers squeezed into 0..1; the best seen counts, so it may be cut off at any try."""
    best: list[tuple[np.ndarray, float, np.ndarray]] = []

    def tried(free: np.ndarray) -> float:
        if best and time.is_over():
            return best[0][1]
        numbers = 1 / (1 + np.exp(-np.clip(free, -12, 12)))
        matrix = matrix_of(numbers)
        loss = rows.loss(matrix)
        if not best or loss < best[0][1]:
            best[:] = [(matrix, loss, numbers)]
        return loss

    free = np.log(start / (1 - start))
    corners = np.concatenate([free[None], free + 1.5 * np.eye(len(free))])
    options = {"maxfev": MOST_TRIES, "initial_simplex": corners, "xatol": 0.02, "fatol": 1e-5}
    minimize(tried, free, method="Nelder-Mead", options=options)
    return best[0]
