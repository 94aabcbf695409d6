"""K networks in one (TabM): they share their inner weights, each scales the inputs its own way and has its own head.

Source: Gorishniy et al., "TabM: Advancing tabular deep learning with parameter-efficient ensembling" (2024), on the
piecewise-linear steps of the dense features. The kept weights are an exponential moving average, so a fit may stop at
any round and still be annealed. A round is an epoch, or 200 batches of one where epochs are long; every random choice
depends on (seed, key, round).
"""

import numpy as np
import torch
from torch import Tensor

from workers.train import seeds
from workers.train.adam import Adam
from workers.train.budget import Slice, Stopwatch
from workers.train.checkpoint import Saved
from workers.train.context import RunContext

NETWORKS = 16
WIDTH = 128
HIDDEN = 2  # shared layers
DROPOUT = 0.15  # of classifiers; values are learned best nearly without
DROPOUT_VALUES = 0.03
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 3e-2
MOST_ROUNDS = 200
PATIENCE = 14  # rounds without a better loss
ROUND_BATCHES = 200
AVERAGE_DECAY = 0.98  # of the moving average, per batch, after warming up
ANSWER_ROWS = 2048

Labelled = tuple[np.ndarray, np.ndarray]


def forward(weights: list[Tensor], x: Tensor, dropout: float = 0.0) -> Tensor:
    """x [N, D] → [K, N, out]. Weights: adapter [K, 1, D], (W [in, H], b [H]) …, head [K, H, out], [K, 1, out]."""
    x = x.unsqueeze(0) * weights[0]
    for layer in range(1, len(weights) - 2, 2):
        x = torch.relu(x @ weights[layer] + weights[layer + 1])
        if dropout:  # one mask for all networks: drawing random numbers would take as long as the products
            x = x * ((torch.rand(1, *x.shape[1:], device=x.device) >= dropout) / (1 - dropout))
    return torch.baddbmm(weights[-1], x, weights[-2])


def predict(weights: list[np.ndarray], x: np.ndarray, is_classifier: bool) -> np.ndarray:
    """The reference for parity: torch in float32, mean over the networks, [N, out] float64."""
    tensors = [torch.from_numpy(np.array(one)) for one in weights]
    answers = []
    with torch.no_grad():
        for at in range(0, len(x), ANSWER_ROWS):
            out = forward(tensors, torch.from_numpy(x[at : at + ANSWER_ROWS]))
            answers.append((torch.softmax(out, dim=2) if is_classifier else out).mean(dim=0).double().numpy())
    return np.concatenate(answers)


def weights_of(saved: Saved) -> list[np.ndarray]:
    return [saved.arrays[f"w{i}"] for i in range(len(saved.arrays))]


def _initial(seed: int, inputs: int, outputs: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, spread: float) -> Tensor:
        return torch.randn(*shape, generator=generator) * spread

    weights = [1.0 + normal(NETWORKS, 1, inputs, spread=0.5)]
    for fan_in in (inputs, *[WIDTH] * (HIDDEN - 1)):
        weights += [normal(fan_in, WIDTH, spread=(2.0 / fan_in) ** 0.5), torch.zeros(WIDTH)]
    return [*weights, normal(NETWORKS, WIDTH, outputs, spread=WIDTH**-0.5), torch.zeros(NETWORKS, 1, outputs)]


class _Training:
    """Weights, their moving average, the optimiser and the best so far; moves to and from the checkpoint."""

    def __init__(self, run: RunContext, key: str, inputs: int, outputs: int) -> None:
        self.run, self.key = run, key
        start = _initial(seeds.derive(run.job.seed, key, "initial"), inputs, outputs)
        self.weights = [w.to(run.device).requires_grad_(True) for w in start]
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
        out = forward(self.weights, x, DROPOUT if is_classifier else DROPOUT_VALUES)  # [K, B, out]
        if is_classifier:
            loss = torch.nn.functional.cross_entropy(out.flatten(0, 1), y.repeat(len(out)))
        else:
            loss = torch.nn.functional.mse_loss(out[..., 0], y.expand(len(out), -1))
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.batches += 1
        decay = min(AVERAGE_DECAY, self.batches / (self.batches + 10))
        with torch.no_grad():
            for mean, weight in zip(self.average, self.weights, strict=True):
                mean.lerp_(weight, 1 - decay)
        return float(loss.detach())


def batch_size(rows: int) -> int:
    return int(np.clip(rows // 12, 32, 512))


def seconds_per_epoch(run: RunContext, fit: Labelled, classes: int) -> float:
    """Measured on a few batches of a throw-away network."""
    batch = batch_size(len(fit[0]))
    x = torch.from_numpy(fit[0][: 4 * batch]).to(run.device)
    weights = [w.to(run.device).requires_grad_(True) for w in _initial(0, x.shape[1], classes or 1)]
    watch = Stopwatch()
    for at in range(0, len(x), batch):
        forward(weights, x[at : at + batch], DROPOUT).square().mean().backward()  # type: ignore[no-untyped-call]
        if at == 0:
            watch = Stopwatch()  # the first batch pays for the warm-up
    measured = max(1, -(-len(x) // batch) - 1)
    return 1.3 * watch.seconds() / measured * len(fit[0]) / batch  # the optimiser and the average on top


def fit_tabm(
    run: RunContext,
    key: str,
    fit: Labelled,
    held: Labelled | None,
    classes: int,
    time: Slice,
    rounds: int = 0,
    family: int = 0,
) -> Saved:
    """Train until patience, rounds or time run out; keep the average of the best round (nothing held: the last)."""
    x = torch.from_numpy(fit[0]).to(run.device)
    y = torch.from_numpy(fit[1].astype(np.int64 if classes else np.float32)).to(run.device)
    training = _Training(run, key, x.shape[1], classes or 1)
    batch = batch_size(len(x))
    while training.round < (rounds or MOST_ROUNDS):
        loss, is_whole = training.run_round(x, y, batch, bool(classes), time)
        if held is None:
            training.best, training.best_round = [w.clone() for w in training.average], training.round
        elif is_whole or training.best_round == 0:
            held_loss = _loss(training.average, held, classes, run.device)
            run.progress.point(family, training.round, train_loss=loss, valid_loss=held_loss)
            if held_loss < training.best_loss:
                training.best, training.best_round = [w.clone() for w in training.average], max(1, training.round)
                training.best_loss = held_loss
        if not is_whole or training.round - training.best_round >= PATIENCE:
            break
        run.checkpoints.offer(key, training.as_saved)
    kept = {f"w{i}": w.detach().cpu().numpy() for i, w in enumerate(training.best)}
    return Saved({"setting": max(1, training.best_round)}, kept)


def _loss(weights: list[Tensor], held: Labelled, classes: int, device: str) -> float:
    """Loss of the averaged answer on held rows."""
    total = 0.0
    with torch.no_grad():
        for at in range(0, len(held[0]), ANSWER_ROWS):
            out = forward(weights, torch.from_numpy(held[0][at : at + ANSWER_ROWS]).to(device))
            y = torch.from_numpy(held[1][at : at + ANSWER_ROWS]).to(device)
            if classes:
                shares = torch.softmax(out, dim=2).mean(dim=0).clamp_min(1e-7).log()
                total += float(torch.nn.functional.nll_loss(shares, y.long(), reduction="sum"))
            else:
                total += float(((out.mean(dim=0)[:, 0] - y.float()) ** 2).sum())
    return total / len(held[0])
