"""A small network from the last L values straight to the next H: a linear path and K hidden layers beside it.

The straight path alone is DLinear's idea (Zeng and others, 2023), the window's own level and spread go out before and
come back after (reversible instance normalisation). The kept weights are a moving average, so a fit may stop anywhere.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.train import seeds
from workers.train.adam import Adam
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext

HIDDEN = 64
NETWORKS = 4
DROPOUT = 0.2
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2
BATCH = 64
ROUND_BATCHES = 50
MOST_ROUNDS = 60
PATIENCE = 8
AVERAGE_DECAY = 0.98
SMALL_CELLS = 2_000_000

Layers = tuple[np.ndarray, ...]  # straight [L, H], bias [H], into [K, L, D], into_bias [K, D], out [K, D, H]


@dataclass
class Network:
    layers: Layers
    rounds: int


def _forward(weights: list[Tensor], x: Tensor, dropout: float = 0.0) -> Tensor:
    straight, bias, into, into_bias, out = weights
    hidden = torch.relu(torch.einsum("nl,kld->knd", x, into) + into_bias[:, None])
    hidden = torch.nn.functional.dropout(hidden, dropout, training=dropout > 0)
    return x @ straight + bias + torch.einsum("knd,kdh->nh", hidden, out)


class _Training:
    """Weights, their moving average, the optimiser and the best so far; moves to and from the checkpoint."""

    def __init__(self, run: RunContext, key: str, window: int, horizon: int) -> None:
        self.run, self.key = run, key
        generator = torch.Generator().manual_seed(seeds.derive(run.job.seed, key, "initial"))
        draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
        weights = [
            torch.zeros(window, horizon),  # to begin with, nothing is added to the base forecast
            torch.zeros(horizon),
            draw(NETWORKS, window, HIDDEN) * 2.0**0.5,
            torch.zeros(NETWORKS, HIDDEN),
            draw(NETWORKS, HIDDEN, horizon) * 0.02 * (2.0 / HIDDEN) ** 0.5,
        ]
        self.weights = [one.to(run.device).requires_grad_(True) for one in weights]
        self.average = [one.detach().clone() for one in self.weights]
        self.best = [one.detach().clone() for one in self.weights]
        self.optimiser = Adam(self.weights, LEARNING_RATE, WEIGHT_DECAY)
        self.round, self.best_round, self.best_loss = 0, 0, float("inf")
        saved = run.checkpoints.partial(key)
        if saved is not None:
            self._restore(saved)

    def _groups(self) -> list[tuple[str, list[Tensor]]]:
        state = self.optimiser
        return [("w", self.weights), ("a", self.average), ("b", self.best), ("m", state.means), ("v", state.squares)]

    def as_saved(self) -> Saved:
        facts: dict[str, float | None] = {
            "round": self.round,
            "best_round": self.best_round,
            "steps": self.optimiser.steps,
        }
        facts["best_loss"] = self.best_loss if np.isfinite(self.best_loss) else None
        arrays = {f"{n}{i}": one.detach().cpu().numpy() for n, group in self._groups() for i, one in enumerate(group)}
        return Saved(facts, arrays)

    def _restore(self, saved: Saved) -> None:
        self.round, self.best_round = saved.facts["round"], saved.facts["best_round"]
        self.best_loss = float("inf") if saved.facts["best_loss"] is None else saved.facts["best_loss"]
        self.optimiser.steps = saved.facts["steps"]
        with torch.no_grad():
            for name, group in self._groups():
                for i, one in enumerate(group):
                    one.copy_(torch.from_numpy(saved.arrays[f"{name}{i}"].copy()))

    def run_round(self, x: Tensor, y: Tensor, time: Slice) -> bool:
        """Some batches; whether the round was finished."""
        torch.manual_seed(seeds.derive(self.run.job.seed, self.key, "round", self.round))
        order = seeds.generator(self.run.job.seed, self.key, "order", self.round).permutation(len(x))
        order = order[: BATCH * ROUND_BATCHES]
        for at in range(0, len(order), BATCH):
            rows = torch.from_numpy(order[at : at + BATCH]).to(self.run.device)
            self._step(x[rows], y[rows])
            self.run.progress.alive()
            if time.is_over():
                return False
        self.round += 1
        return True

    def _step(self, x: Tensor, y: Tensor) -> None:
        loss = _loss(_forward(self.weights, x, DROPOUT), y)
        loss.backward()
        self.optimiser.step()
        decay = min(AVERAGE_DECAY, self.optimiser.steps / (self.optimiser.steps + 10))
        with torch.no_grad():
            for mean, weight in zip(self.average, self.weights, strict=True):
                mean.lerp_(weight, 1 - decay)


def _loss(out: Tensor, y: Tensor) -> Tensor:
    """Mean absolute error over what is known; NaN marks what is not."""
    known = torch.isfinite(y)
    return (torch.where(known, out - torch.nan_to_num(y), 0.0).abs().sum()) / known.sum().clamp_min(1)


def fit_network(
    run: RunContext,
    key: str,
    fit: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray] | None,
    time: Slice,
    rounds: int = MOST_ROUNDS,
    family: int = 0,
) -> Network:
    """x [M, L], y [M, H] in units of each window's spread. Without `valid` all rounds are run and the last is kept."""
    threads = torch.get_num_threads()
    if fit[0].size < SMALL_CELLS:
        torch.set_num_threads(1)  # waking a second thread costs more than these products
    try:
        return _fit(run, key, fit, valid, time, rounds, family)
    finally:
        torch.set_num_threads(threads)


def _fit(
    run: RunContext,
    key: str,
    fit: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray] | None,
    time: Slice,
    rounds: int,
    family: int,
) -> Network:
    # Inputs are divided by √L, so that a step of the optimiser moves the answer equally far for every window.
    root = fit[0].shape[1] ** 0.5
    x, y = _tensors(run, fit, root)
    held = _tensors(run, valid, root) if valid else None
    training = _Training(run, key, x.shape[1], y.shape[1])
    while training.round < rounds:
        is_whole = training.run_round(x, y, time)
        if held is None:
            training.best, training.best_round = [one.clone() for one in training.average], training.round
        elif is_whole or training.best_round == 0:
            with torch.no_grad():
                loss = float(_loss(_forward(training.average, held[0]), held[1]))
            run.progress.point(family, training.round, valid_loss=loss)
            if loss < training.best_loss:
                training.best, training.best_loss = [one.clone() for one in training.average], loss
                training.best_round = max(1, training.round)
        if not is_whole or training.round - training.best_round >= PATIENCE:
            break
        run.checkpoints.offer(key, training.as_saved)
    straight, bias, into, into_bias, out = (one.detach().cpu().double().numpy() for one in training.best)
    return Network((straight / root, bias, into / root, into_bias, out), training.best_round)


def _tensors(run: RunContext, rows: tuple[np.ndarray, np.ndarray], root: float) -> tuple[Tensor, Tensor]:
    x, y = rows
    make = lambda one: torch.from_numpy(one.astype(np.float32)).to(run.device)  # noqa: E731
    return make(x / root), make(y)
