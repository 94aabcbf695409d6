"""K small networks side by side on dense features: one batched matrix product per layer, answers averaged.

The kept weights are an exponential moving average, so a fit may stop at any round and still be annealed.
A round is an epoch, or 200 batches of one where epochs are long; every random choice depends on (seed, key, round).
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

NETWORKS = 8
WIDTH = 128
DROPOUT = 0.15
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 2e-2
MOST_ROUNDS = 200
PATIENCE = 16  # rounds without a better validation loss
ROUND_BATCHES = 200
AVERAGE_DECAY = 0.98  # of the moving average, per batch, after warming up

Layers = list[tuple[np.ndarray, np.ndarray]]


@dataclass
class Network:
    layers: Layers
    rounds: int  # of the kept weights


def forward(weights: list[Tensor], x: Tensor, dropout: float = 0.0) -> Tensor:
    """x [N, D], weights W0 [K, D, H], b0 [K, 1, H], … → [K, N, out]."""
    x = x.unsqueeze(0)
    for layer in range(0, len(weights), 2):
        if layer:
            x = torch.nn.functional.dropout(torch.nn.functional.silu(x), dropout, training=dropout > 0)
        x = x @ weights[layer] + weights[layer + 1]
    return x


def predict(layers: Layers, x: np.ndarray, is_classifier: bool) -> np.ndarray:
    """The reference for parity: torch in float32, mean over the networks, [N, out] float64."""
    weights = [torch.from_numpy(part) for layer in layers for part in layer]
    answers = []
    with torch.no_grad():
        for at in range(0, len(x), 4096):
            out = forward(weights, torch.from_numpy(x[at : at + 4096]))
            answers.append((torch.softmax(out, dim=2) if is_classifier else out).mean(dim=0).double().numpy())
    return np.concatenate(answers)


def _initial(run: RunContext, key: str, inputs: int, outputs: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seeds.derive(run.job.seed, key, "initial"))
    weights = []
    for fan_in, fan_out, gain in ((inputs, WIDTH, 1.0), (WIDTH, WIDTH, 1.0), (WIDTH, outputs, 0.3)):
        spread = gain * (2.0 / fan_in) ** 0.5
        weights.append(torch.randn(NETWORKS, fan_in, fan_out, generator=generator) * spread)
        weights.append(torch.zeros(NETWORKS, 1, fan_out))
    return weights


class _Training:
    """Weights, their moving average, the optimiser and the best so far; moves to and from the checkpoint."""

    def __init__(self, run: RunContext, key: str, inputs: int, outputs: int) -> None:
        self.run, self.key = run, key
        self.weights = [w.to(run.device).requires_grad_(True) for w in _initial(run, key, inputs, outputs)]
        self.average = [w.detach().clone() for w in self.weights]
        self.best = [w.detach().clone() for w in self.weights]
        self.optimiser = Adam(self.weights, LEARNING_RATE, WEIGHT_DECAY)
        self.round, self.batches, self.best_round, self.best_loss = 0, 0, 0, float("inf")
        saved = run.checkpoints.partial(key)
        if saved is not None:
            self._restore(saved)

    def as_saved(self) -> Saved:
        facts = {name: getattr(self, name) for name in ("round", "batches", "best_round", "best_loss")}
        arrays = {
            f"{name}{i}": one.detach().cpu().numpy() for name, group in self._groups() for i, one in enumerate(group)
        }
        return Saved(facts, arrays)

    def _groups(self) -> list[tuple[str, list[Tensor]]]:
        """Everything that changes from batch to batch, under the names of the checkpoint."""
        state = self.optimiser
        return [("w", self.weights), ("a", self.average), ("b", self.best), ("m", state.means), ("v", state.squares)]

    def _restore(self, saved: Saved) -> None:
        for name, value in saved.facts.items():
            setattr(self, name, value)
        self.optimiser.steps = self.batches
        with torch.no_grad():
            for name, group in self._groups():
                for i, one in enumerate(group):
                    one.copy_(torch.from_numpy(saved.arrays[f"{name}{i}"].copy()))

    def run_round(self, x: Tensor, y: Tensor, batch: int, is_classifier: bool, time: Slice) -> tuple[float, bool]:
        """One round; (mean loss, was it finished)."""
        rounds_per_epoch = max(1, -(-len(x) // (batch * ROUND_BATCHES)))
        epoch, part = divmod(self.round, rounds_per_epoch)
        order = seeds.generator(self.run.job.seed, self.key, "epoch", epoch).permutation(len(x))
        torch.manual_seed(seeds.derive(self.run.job.seed, self.key, "round", self.round))
        mine = order[part * batch * ROUND_BATCHES : (part + 1) * batch * ROUND_BATCHES]
        total = 0.0
        starts = range(0, len(mine), batch)
        for at in starts:
            rows = torch.from_numpy(mine[at : at + batch]).to(self.run.device)
            total += self._step(x[rows], y[rows], is_classifier)
            self.run.progress.alive()
            if time.is_over():
                return total, False
        self.round += 1
        return total / len(starts), True

    def _step(self, x: Tensor, y: Tensor, is_classifier: bool) -> float:
        out = forward(self.weights, x, DROPOUT)  # [K, B, out]
        if is_classifier:
            loss = torch.nn.functional.cross_entropy(out.flatten(0, 1), y.repeat(len(out)))
        else:
            loss = torch.nn.functional.mse_loss(out[..., 0], y.expand(len(out), -1))
        (loss * len(out)).backward()  # times K: each network gets the gradient it would get alone
        self.optimiser.step()
        self.batches += 1
        decay = min(AVERAGE_DECAY, self.batches / (self.batches + 10))
        with torch.no_grad():
            for mean, weight in zip(self.average, self.weights, strict=True):
                mean.lerp_(weight, 1 - decay)
        return float(loss.detach())


def fit_network(
    run: RunContext,
    key: str,
    fit: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray] | None,
    classes: int,
    time: Slice,
    rounds: int = MOST_ROUNDS,
    family: int = 0,
) -> Network:
    """Train until patience, rounds or time run out; keep the average of the best round (no validation: the last)."""
    x = torch.from_numpy(fit[0]).to(run.device)
    y = torch.from_numpy(fit[1].astype(np.int64 if classes else np.float32)).to(run.device)
    training = _Training(run, key, x.shape[1], classes or 1)
    batch = int(np.clip(len(x) // 12, 32, 512))
    while training.round < rounds:
        loss, is_whole = training.run_round(x, y, batch, bool(classes), time)
        if valid is None:
            training.best, training.best_round = [w.clone() for w in training.average], training.round
        elif is_whole or training.best_round == 0:
            valid_loss = _loss(training.average, valid, classes, run.device)
            run.progress.point(family, training.round, train_loss=loss, valid_loss=valid_loss)
            if valid_loss < training.best_loss:
                training.best, training.best_round = [w.clone() for w in training.average], max(1, training.round)
                training.best_loss = valid_loss
        if not is_whole or training.round - training.best_round >= PATIENCE:
            break
        run.checkpoints.offer(key, training.as_saved)
    kept = [w.detach().cpu().numpy() for w in training.best]
    return Network(list(zip(kept[0::2], kept[1::2], strict=True)), training.best_round)


def _loss(weights: list[Tensor], valid: tuple[np.ndarray, np.ndarray], classes: int, device: str) -> float:
    """Validation loss of the averaged answer."""
    with torch.no_grad():
        out = forward(weights, torch.from_numpy(valid[0]).to(device))
        y = torch.from_numpy(valid[1]).to(device)
        if classes:
            return float(
                torch.nn.functional.nll_loss(torch.softmax(out, dim=2).mean(dim=0).clamp_min(1e-7).log(), y.long())
            )
        return float(torch.nn.functional.mse_loss(out.mean(dim=0)[:, 0], y.float()))
