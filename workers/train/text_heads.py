"""Chooses the penalty of a linear head by cross-validation and leaves its out-of-fold answers for the blend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from workers.train import linear, metrics, seeds, sparse_linear
from workers.train.budget import Slice
from workers.train.ensemble import temper
from workers.train.splits import Parts

Layer = tuple[np.ndarray, np.ndarray]
Rows = Any  # [N, D]: scipy.sparse.csr_matrix or numpy.ndarray
TEMPERATURES = np.linspace(0.3, 2.5, 89)
MOST_FOLDS_ROWS = ((2_500, 5), (6_000, 3))  # up to so many rows, so many folds; one split beyond


@dataclass
class Head:
    """A chosen penalty, its out-of-fold probabilities [N, C] (NaN: not asked), and the weights of the first fold."""

    penalty: float
    out_of_fold: np.ndarray
    layer: Layer
    is_rough: bool = False


def folds_of(parts: Parts, truth: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(train, valid) pairs; the first is the split everyone sees on the board."""
    wanted = next((folds for rows, folds in MOST_FOLDS_ROWS if len(parts.fitted) <= rows), 1)
    order = seeds.generator(seed, "folds").permutation(parts.train)
    order = order[np.argsort(truth[order], kind="stable")]
    chunk = np.arange(len(order)) % 4  # like validation, a fifth of what is fitted
    folds = [(parts.train, parts.valid)]
    for place in range(wanted - 1):
        valid = np.sort(order[chunk == place])
        folds.append((np.setdiff1d(parts.fitted, valid), valid))
    return folds


def probabilities(x: Rows, layer: Layer) -> np.ndarray:
    raw = np.asarray(x @ layer[0].astype(np.float64)) + layer[1]
    spread = np.exp(raw - raw.max(axis=1, keepdims=True))
    return spread / spread.sum(axis=1, keepdims=True)


def best_temperature(answer: np.ndarray, y: np.ndarray) -> float:
    """Linear heads on counts are often too shy, so far below one is looked at too."""
    losses = [metrics.log_loss(y, temper(answer, float(one))) for one in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def fit_layer(x: Rows, y: np.ndarray, classes: int, penalty: float, time: Slice, start: Layer | None = None) -> Layer:
    if sparse.issparse(x):
        return sparse_linear.fit_sparse(x, y, classes, penalty, time, start)
    return linear.fit_softmax(x, y, classes, penalty, time, start)


def choose(
    x: Rows,
    y: np.ndarray,
    classes: int,
    folds: list[tuple[np.ndarray, np.ndarray]],
    time: Slice,
    tell: Callable[[int, float], None],
) -> Head:
    """Rough when the time was up in the first fit.

    1. strong to weak penalties on the first fold until it gets worse 2. the neighbours of the best on the others."""
    rows = len(folds[0][0])
    loose = [1 / (rows * one) for one in sparse_linear.LOOSENESS]
    penalties = loose if sparse.issparse(x) else linear.SOFTMAX_PENALTIES
    losses: dict[int, list[float]] = {}
    answers: dict[int, np.ndarray] = {}
    layers: dict[int, Layer] = {}

    def try_out(fold: tuple[np.ndarray, np.ndarray], places: list[int]) -> None:
        start: Layer | None = None
        for place in places:
            start = fit_layer(x[fold[0]], y[fold[0]], classes, penalties[place], time, start)
            answer = probabilities(x[fold[1]], start)
            loss = metrics.log_loss(y[fold[1]], answer)
            losses.setdefault(place, []).append(loss)
            answers.setdefault(place, np.full((len(y), classes), np.nan))[fold[1]] = answer
            layers.setdefault(place, start)
            if fold is folds[0]:
                tell(place, loss)
            if time.is_over() or loss > 1.02 * min(one[-1] for one in losses.values()):
                return

    try_out(folds[0], list(range(len(penalties))))
    best = min(losses, key=lambda place: losses[place][0])
    near = [place for place in (best - 1, best, best + 1) if place in losses]
    first_s = time.used_s()
    for fold in folds[1:]:
        if time.used_s() + first_s > time.seconds:
            break
        try_out(fold, near)
    whole = [place for place in near if len(losses[place]) == len(losses[best])] or [best]
    best = min(whole, key=lambda place: float(np.mean(losses[place])))
    return Head(penalties[best], answers[best], layers[best], len(losses) < 2)
