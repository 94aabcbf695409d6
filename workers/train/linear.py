"""Linear models on dense features: ridge in closed form, softmax regression by L-BFGS, penalty chosen by validation."""

import numpy as np
import torch

from workers.train.budget import Slice

RIDGE_PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0001)
SOFTMAX_PENALTIES = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)  # strong to weak, each warm-started by the one before
MOST_STEPS = 40  # L-BFGS steps per penalty, each with up to 5 function calls
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


def fit_softmax(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    penalty: float,
    time: Slice,
    start: Layer | None = None,
    steps: int = MOST_STEPS,
) -> Layer:
    """Weight [D, C], bias [C] of softmax regression with mean cross-entropy + penalty/2 · |W|²."""
    rows = thin(len(x), x.shape[1])
    inputs = torch.from_numpy(x[rows].astype(np.float64))
    target = torch.from_numpy(y[rows].astype(np.int64))
    weight = (
        torch.zeros(x.shape[1], classes, dtype=torch.float64)
        if start is None
        else torch.from_numpy(start[0].astype(np.float64))
    )
    bias = torch.zeros(classes, dtype=torch.float64) if start is None else torch.from_numpy(start[1].astype(np.float64))
    weight.requires_grad_(True)
    bias.requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=1, max_eval=5, history_size=10, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(inputs @ weight + bias, target) + 0.5 * penalty * (weight**2).sum()
        value.backward()
        return value

    before = float("inf")
    for _ in range(steps):
        now = float(optimiser.step(loss))
        if time.is_over() or abs(before - now) < 1e-7:
            break
        before = now
    return weight.detach().numpy().astype(np.float32), bias.detach().numpy().astype(np.float32)
