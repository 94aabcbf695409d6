"""Fine-tunes MiniLM on labelled texts: its layers and a head together, its word vectors frozen.

A step costs three times what reading the same texts does, so how many epochs fit is measured first; below one nothing
is tried. The kept weights are those of the best epoch on validation, rounded to half precision as in the file.
"""

import time as clock
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.train import metrics, minilm, seeds
from workers.train.adam import Adam
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext

BATCH = 16
EPOCHS_MOST = 4
RATE, HEAD_RATE = 5e-5, 2e-3
WARM_SHARE = 0.1  # of the steps: the rate rises
WEIGHT_DECAY = 1e-2
SPREAD = 20.0  # vectors of length one, to entries of about one
POOL = 32  # batches drawn together and sorted by length, so that few texts are filled up
MEASURED_BATCHES = 3
JUDGED = 1.25  # judging after each epoch comes on top
SAVE_EVERY_S = 25.0
_FACTS = ("epoch", "place", "best_epoch", "best_loss", "planned")


@dataclass
class Tuned:
    network: minilm.MiniLM
    weight: np.ndarray  # float32 [384, C], for vectors of length one
    bias: np.ndarray
    epochs: int


class _Tuning:
    """The network with its head, the optimisers and the best epoch so far; moves to and from the checkpoint."""

    def __init__(self, run: RunContext, key: str, classes: int) -> None:
        self.run, self.key = run, key
        self.network = minilm.load_network().to(run.device)
        self.network.layers.requires_grad_(True)
        self.body: list[Tensor] = list(self.network.layers.parameters())
        generator = torch.Generator().manual_seed(seeds.derive(run.job.seed, key, "initial"))
        self.weight = (0.02 * torch.randn(minilm.WIDTH, classes, generator=generator)).to(run.device)
        self.bias = torch.zeros(classes, device=run.device)
        self.head = [self.weight.requires_grad_(), self.bias.requires_grad_()]
        self.optimisers = [Adam(self.body, RATE, WEIGHT_DECAY), Adam(self.head, HEAD_RATE, WEIGHT_DECAY)]
        self.best = [one.detach().clone() for one in (*self.body, *self.head)]
        self.epoch, self.place, self.best_epoch, self.best_loss, self.planned = 0, 0, 0, float("inf"), 0
        self._offered_s = clock.monotonic()
        saved = run.checkpoints.partial(key)
        if saved is not None:
            self._restore(saved)

    def _groups(self) -> list[tuple[str, list[Tensor]]]:
        means = [one for optimiser in self.optimisers for one in optimiser.means]
        squares = [one for optimiser in self.optimisers for one in optimiser.squares]
        return [("w", [*self.body, *self.head]), ("b", self.best), ("m", means), ("v", squares)]

    def as_saved(self) -> Saved:
        facts = {name: getattr(self, name) for name in _FACTS}
        facts["steps"] = self.optimisers[0].steps
        arrays = {
            f"{name}{i}": one.detach().cpu().numpy().copy()
            for name, group in self._groups()
            for i, one in enumerate(group)
        }
        return Saved(facts, arrays)

    def _restore(self, saved: Saved) -> None:
        for optimiser in self.optimisers:
            optimiser.steps = saved.facts["steps"]
        for name in _FACTS:
            setattr(self, name, saved.facts[name])
        with torch.no_grad():
            for name, group in self._groups():
                for i, one in enumerate(group):
                    one.copy_(torch.from_numpy(saved.arrays[f"{name}{i}"].copy()))

    def kept(self, fit_seconds: float) -> Saved:
        """The best epoch only, as `finished` will round it."""
        arrays = {
            f"b{i}": one.cpu().numpy().astype(np.float16 if i < len(self.body) else np.float32)
            for i, one in enumerate(self.best)
        }
        return Saved({"best_epoch": self.best_epoch, "fit_seconds": round(fit_seconds, 3)}, arrays)

    def take(self, saved: Saved) -> None:
        """What `kept` gave."""
        self.best_epoch = saved.facts["best_epoch"]
        with torch.no_grad():
            for i, one in enumerate(self.best):
                one.copy_(torch.from_numpy(saved.arrays[f"b{i}"].astype(np.float32)))

    def offer(self) -> None:
        """Two hundred megabytes, so not as often as other fits do."""
        if clock.monotonic() - self._offered_s >= SAVE_EVERY_S:
            self.run.checkpoints.offer(self.key, self.as_saved)
            self._offered_s = clock.monotonic()

    def logits(self, numbers: list[list[int]]) -> Tensor:
        return self.network(minilm.padded(numbers).to(self.run.device)) * SPREAD @ self.weight + self.bias

    def step(self, numbers: list[list[int]], truth: np.ndarray, share: float) -> float:
        """`share`: of the steps that are done, for the rate."""
        is_cuda = self.run.device == "cuda"
        with torch.autocast("cuda", dtype=torch.bfloat16) if is_cuda else nullcontext():
            raw = self.logits(numbers)
        loss = torch.nn.functional.cross_entropy(raw.float(), torch.from_numpy(truth).to(self.run.device))
        loss.backward()
        slope = min(1.0, share / WARM_SHARE) if share < WARM_SHARE else (1 - share) / (1 - WARM_SHARE)
        for optimiser, rate in zip(self.optimisers, (RATE, HEAD_RATE), strict=True):
            optimiser.learning_rate = rate * max(0.01, slope)
            optimiser.step()
        self.run.progress.alive()
        return float(loss.detach())

    def finished(self) -> Tuned:
        """The best epoch's weights as the file will hold them."""
        with torch.no_grad():
            for one, kept in zip((*self.body, *self.head), self.best, strict=True):
                one.copy_(kept)
            for one in self.body:
                one.copy_(one.half().float())
        weight = (self.weight.detach() * SPREAD).cpu().numpy()
        network = self.network.cpu().eval().requires_grad_(False)
        return Tuned(network, weight.astype(np.float32), self.bias.detach().cpu().numpy(), self.best_epoch)


def tune(
    run: RunContext,
    key: str,
    numbers: list[list[int]],
    truth: np.ndarray,
    classes: int,
    parts: tuple[np.ndarray, np.ndarray],
    time: Slice,
    tell: Callable[[int, float], None],
) -> Tuned | str:
    """Learns from numbers[parts[0]] and keeps the epoch that is best on parts[1]; else why not, in words."""
    train, valid = parts
    saved = run.checkpoints.finished(key)
    tuning = _Tuning(run, key, classes)
    if saved is not None:
        tuning.take(saved)
        return tuning.finished()
    if not tuning.planned:
        epoch_s = _seconds_per_epoch(run, key, numbers, truth, classes, train)
        tuning.planned = min(EPOCHS_MOST, int((time.seconds - time.used_s()) / epoch_s))
    if tuning.planned < 1:
        return "Fine-tuning would take longer than the budget allows."
    while tuning.epoch < tuning.planned:
        if not _epoch(tuning, numbers, truth, train, time):
            break
        loss = _judge(tuning, numbers, truth, valid, classes)
        tell(tuning.epoch, loss)
        if loss < tuning.best_loss:
            tuning.best_loss, tuning.best_epoch = loss, tuning.epoch
            tuning.best = [one.detach().clone() for one in (*tuning.body, *tuning.head)]
        tuning.offer()
    if not tuning.best_epoch:
        return "The time for fine-tuning ended before an epoch was over."
    run.checkpoints.finish(key, tuning.kept(time.used_s()))
    return tuning.finished()


def _epoch(tuning: _Tuning, numbers: list[list[int]], truth: np.ndarray, train: np.ndarray, time: Slice) -> bool:
    """One pass over the texts; False when the time was up before its end."""
    random = seeds.generator(tuning.run.job.seed, tuning.key, "epoch", tuning.epoch)
    batches = _batches(random, numbers, train)
    while tuning.place < len(batches):
        rows = batches[tuning.place]
        share = (tuning.epoch + tuning.place / len(batches)) / tuning.planned
        tuning.step([numbers[row] for row in rows], truth[rows], share)
        tuning.place += 1
        tuning.offer()
        if time.is_over() and tuning.place < len(batches):
            return False
    tuning.epoch, tuning.place = tuning.epoch + 1, 0
    return True


def _batches(random: np.random.Generator, numbers: list[list[int]], rows: np.ndarray) -> list[np.ndarray]:
    """Texts of about one length together, the batches in random order."""
    order = random.permutation(rows)
    found: list[np.ndarray] = []
    for at in range(0, len(order), POOL * BATCH):
        pool = order[at : at + POOL * BATCH]
        pool = pool[np.argsort([len(numbers[row]) for row in pool], kind="stable")]
        found += [pool[start : start + BATCH] for start in range(0, len(pool), BATCH)]
    return [found[place] for place in random.permutation(len(found))]


def _judge(tuning: _Tuning, numbers: list[list[int]], truth: np.ndarray, valid: np.ndarray, classes: int) -> float:
    x = minilm.embed(tuning.network, [numbers[row] for row in valid], tuning.run.device, tuning.run.progress.alive)
    assert x is not None
    raw = x * SPREAD @ tuning.weight.detach().cpu().numpy() + tuning.bias.detach().cpu().numpy()
    spread = np.exp(raw - raw.max(axis=1, keepdims=True))
    return metrics.log_loss(truth[valid], spread / spread.sum(axis=1, keepdims=True))


def _seconds_per_epoch(
    run: RunContext, key: str, numbers: list[list[int]], truth: np.ndarray, classes: int, train: np.ndarray
) -> float:
    """Measured on a few batches of a throw-away copy; the first one prepares the kernels."""
    probe = _Tuning(run, f"{key}/probe", classes)
    batches = _batches(np.random.default_rng(0), numbers, train)
    times: list[float] = []
    for rows in batches[: MEASURED_BATCHES + 1]:
        began_s = clock.monotonic()
        probe.step([numbers[row] for row in rows], truth[rows], 0.0)
        times.append(clock.monotonic() - began_s)
    return JUDGED * float(np.mean(times[1:] or times)) * len(batches)
