"""A small convolutional network for tiny images, trained from scratch; the kept weights are a moving average.

The learning rate rises and falls once over the planned rounds; how many fit is measured in the first steps and kept.

As in networks.py every random choice depends on (seed, key, round) alone, so a resumed fit repeats bitwise.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from workers.train import seeds
from workers.train.adam import Adam
from workers.train.budget import Slice, Stopwatch
from workers.train.checkpoint import Saved
from workers.train.context import RunContext

MEAN, SPREAD = 127.5, 127.5
LEARNING_RATE = 4e-3  # at its highest
LEAST_RATE = 1e-5
WARM_SHARE = 0.2  # of the steps: the rate rises
AGAIN_SHARE = 0.3  # of the highest rate, where trained weights are trained on
WEIGHT_DECAY = 1e-2
DROPOUT = 0.3
BATCH = 64
MOST_ROUNDS = 60
PATIENCE = 15
PLANS = (60, 42, 30, 21, 15, 10, 7, 5, 3)  # rounds; coarse, so that a busy moment rarely changes the plan
MEASURED_STEPS = 4  # after one that only prepares
PLAN_SLACK = 1.15
TURN, STRETCH = math.radians(12), 0.12
ROUND_BATCHES = 200
AVERAGE_DECAY = 0.99
SMOOTHING = 0.03  # of labels: keeps a small network from being sure of everything


def build(side: int, classes: int) -> nn.Sequential:
    """[N, 3, side, side] → [N, classes]: two or three stages of two convolutions, each halving the size."""
    layers: list[nn.Module] = []
    widths = (16, 32, 64) if side >= 24 else (32, 64)
    inputs, size = 3, side
    for width in widths:
        for step in range(1 if width == widths[0] else 2):  # the first stage is the dearest and learns only edges
            layers += [
                nn.Conv2d(width if step else inputs, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        layers.append(nn.MaxPool2d(2))
        inputs, size = width, size // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(inputs * size * size, classes))


def scaled(pixels: Tensor) -> Tensor:
    return (pixels.float() - MEAN) / SPREAD


def logits(network: nn.Module, pixels: Tensor) -> np.ndarray:
    """pixels [N, 3, side, side] 0..255 → [N, C] float64."""
    network.eval()
    device = next(network.parameters()).device
    with torch.no_grad():
        parts = [network(scaled(part).to(device)).double().cpu() for part in pixels.split(256)]
    return torch.cat(parts).numpy()


class _Training:
    def __init__(self, run: RunContext, key: str, side: int, classes: int, start: dict[str, Tensor] | None) -> None:
        self.run, self.key = run, key
        torch.manual_seed(seeds.derive(run.job.seed, key, "initial"))
        self.network = build(side, classes).to(run.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # half again as fast on CPU
        if start is not None:
            self.network.load_state_dict(start)
        self.highest_rate = LEARNING_RATE * (1.0 if start is None else AGAIN_SHARE)
        self.planned = 0  # rounds
        self.optimiser = Adam(list(self.network.parameters()), self.highest_rate, WEIGHT_DECAY)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.best = dict(self.average)
        self.round, self.batches, self.best_round, self.best_loss = 0, 0, 0, float("inf")
        saved = run.checkpoints.partial(key)
        if saved is not None:
            self._restore(saved)

    def as_saved(self) -> Saved:
        facts = {
            "round": self.round,
            "planned": self.planned,
            "batches": self.batches,
            "best_round": self.best_round,
            "best_loss": self.best_loss,
        }
        arrays = {}
        for group, state in (("now", self.network.state_dict()), ("average", self.average), ("best", self.best)):
            arrays.update({f"{group}.{name}": value.cpu().numpy() for name, value in state.items()})
        for group, moments in (("mean", self.optimiser.means), ("square", self.optimiser.squares)):
            arrays.update({f"{group}.{i}": one.cpu().numpy() for i, one in enumerate(moments)})
        return Saved(facts, arrays)

    def _restore(self, saved: Saved) -> None:
        for name, value in saved.facts.items():
            setattr(self, name, value)

        def group(prefix: str) -> dict[str, Tensor]:
            found = {
                name.removeprefix(prefix): array for name, array in saved.arrays.items() if name.startswith(prefix)
            }
            return {name: torch.from_numpy(array.copy()).to(self.run.device) for name, array in found.items()}

        self.network.load_state_dict(group("now."))
        self.average, self.best = group("average."), group("best.")
        self.optimiser.steps = self.batches
        for prefix, moments in (("mean.", self.optimiser.means), ("square.", self.optimiser.squares)):
            for index, one in group(prefix).items():
                moments[int(index)].copy_(one)  # keeps the memory layout of the weight

    def plan(self, pixels: Tensor, truth: Tensor, most: int, time: Slice) -> None:
        """Time a few steps, undo them, and settle how many rounds there will be."""
        if self.planned:
            return
        state = {name: value.clone() for name, value in self.network.state_dict().items()}
        rows = torch.arange(min(BATCH, len(pixels)))
        self.network.train()
        self._forward(pixels[rows], truth[rows]).backward()
        watch = Stopwatch()
        for _ in range(MEASURED_STEPS):
            self._forward(_moved(pixels[rows], np.random.default_rng(0)), truth[rows]).backward()
        steps = min(ROUND_BATCHES, -(-len(pixels) // BATCH))
        round_s = watch.seconds() / MEASURED_STEPS * steps * PLAN_SLACK
        for weight in self.optimiser.weights:
            weight.grad = None
        self.network.load_state_dict(state)
        left_s = max(0.0, time.seconds - time.used_s())
        self.planned = next((one for one in (most, *PLANS) if one <= most and one * round_s <= left_s), PLANS[-1])

    def _rate(self, steps_per_round: int) -> float:
        """Rises over the first fifth of the planned steps, then falls along a cosine."""
        done = min(1.0, self.batches / max(1, self.planned * steps_per_round))
        if done < WARM_SHARE:
            return max(LEAST_RATE, self.highest_rate * done / WARM_SHARE)
        fallen = (done - WARM_SHARE) / (1 - WARM_SHARE)
        return max(LEAST_RATE, self.highest_rate * 0.5 * (1 + math.cos(math.pi * fallen)))

    def run_round(self, pixels: Tensor, truth: Tensor, time: Slice) -> tuple[float, bool]:
        rounds_per_epoch = max(1, -(-len(pixels) // (BATCH * ROUND_BATCHES)))
        epoch, part = divmod(self.round, rounds_per_epoch)
        order = seeds.generator(self.run.job.seed, self.key, "epoch", epoch).permutation(len(pixels))
        random = seeds.generator(self.run.job.seed, self.key, "round", self.round)
        torch.manual_seed(seeds.derive(self.run.job.seed, self.key, "dropout", self.round))
        mine = order[part * BATCH * ROUND_BATCHES : (part + 1) * BATCH * ROUND_BATCHES]
        starts = range(0, max(1, len(mine) - 1), BATCH)  # a last batch of one image would break batch normalisation
        self.network.train()
        total = 0.0
        for at in starts:
            rows = torch.from_numpy(mine[at : at + BATCH])
            self.optimiser.learning_rate = self._rate(len(starts))
            total += self._step(_moved(pixels[rows], random), truth[rows])
            self.run.progress.alive()
            if time.is_over():
                return total, False
        self.round += 1
        return total / len(starts), True

    def _forward(self, pixels: Tensor, truth: Tensor) -> Tensor:
        out = self.network(scaled(pixels).to(self.run.device, memory_format=torch.channels_last))
        return nn.functional.cross_entropy(out, truth.to(self.run.device), label_smoothing=SMOOTHING)

    def _step(self, pixels: Tensor, truth: Tensor) -> float:
        loss = self._forward(pixels, truth)
        loss.backward()
        self.optimiser.step()
        self.batches += 1
        decay = min(AVERAGE_DECAY, self.batches / (self.batches + 10))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                mean = self.average[name]
                mean.lerp_(value, 1 - decay) if value.is_floating_point() else mean.copy_(value)
        return float(loss.detach())


def _moved(pixels: Tensor, random: np.random.Generator) -> Tensor:
    """Each image turned by up to 12 degrees, stretched by up to 12 % and moved by up to 1/12 of its side.

    Never mirrored: letters, digits and arrows change their meaning.
    """
    drawn = torch.from_numpy(random.uniform(-1, 1, (len(pixels), 5)).astype(np.float32))
    turn, wide, high, right, down = drawn.unbind(1)
    cos, sin = torch.cos(turn * TURN), torch.sin(turn * TURN)
    wide, high = 1 + STRETCH * wide, 1 + STRETCH * high
    rows = [torch.stack([cos * wide, -sin * high, right / 6], 1), torch.stack([sin * wide, cos * high, down / 6], 1)]
    grid = nn.functional.affine_grid(torch.stack(rows, 1), list(pixels.shape), align_corners=False)
    return nn.functional.grid_sample(pixels.float(), grid, padding_mode="border", align_corners=False)


def fit_convnet(
    run: RunContext,
    key: str,
    fit: tuple[Tensor, np.ndarray],
    valid: tuple[Tensor, np.ndarray] | None,
    classes: int,
    time: Slice,
    rounds: int = MOST_ROUNDS,
    start: dict[str, Tensor] | None = None,
) -> tuple[nn.Module, int]:
    """Pixels are uint8 [N, 3, side, side]. `start`: go on from these weights.

    Returns the network of the best round (without validation: the last) and that round.
    """
    pixels, truth = fit[0], torch.from_numpy(fit[1])
    training = _Training(run, key, pixels.shape[2], classes, start)
    kept = build(pixels.shape[2], classes).to(run.device)
    training.plan(pixels, truth, rounds, time)
    while training.round < training.planned:
        loss, is_whole = training.run_round(pixels, truth, time)
        if valid is None:
            training.best, training.best_round = {k: v.clone() for k, v in training.average.items()}, training.round
        elif is_whole or training.best_round == 0:
            kept.load_state_dict(training.average)
            valid_loss = float(
                nn.functional.cross_entropy(torch.from_numpy(logits(kept, valid[0])), torch.from_numpy(valid[1]))
            )
            run.progress.point(run.place_of("cnn"), training.round, train_loss=loss, valid_loss=valid_loss)
            if valid_loss < training.best_loss:
                training.best = {k: v.clone() for k, v in training.average.items()}
                training.best_round, training.best_loss = max(1, training.round), valid_loss
        if not is_whole or training.round - training.best_round >= PATIENCE:
            break
        run.checkpoints.offer(key, training.as_saved)
    kept.load_state_dict(training.best)
    return kept.cpu(), training.best_round
