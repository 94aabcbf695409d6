"""A torch recommender: a history's tower against an item's tower, trained with a softmax over all items.

Without times a user's items are hidden at random and found again; with times the next items are foretold.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from workers.export.ranking_parts import Towers
from workers.train import seeds
from workers.train.adam import Adam
from workers.train.budget import Slice
from workers.train.context import RunContext
from workers.train.interactions import Log
from workers.train.ranking_scores import LEAST_SPREAD

WIDTH = 64
BATCH = 128
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 1e-3
KEPT_SHARE = 0.6  # of a history goes in, all of it is to be found
HISTORY_MOST = 200
NEXT = 3  # events after the cut that are foretold
NEXT_DECAY = 0.8
MOST_CELLS = 8_000_000  # batch × items; above, part of the items stand for all
MOST_ROUNDS = 300


@dataclass
class Weights:
    embed: Tensor
    weight: Tensor
    offset: Tensor
    out: Tensor
    bias: Tensor

    def listed(self) -> list[Tensor]:
        return [self.embed, self.weight, self.offset, self.out, self.bias]

    def part(self) -> Towers:
        arrays = [one.detach().cpu().numpy().copy() for one in self.listed()]
        return Towers(arrays[0], arrays[1], arrays[2], np.ascontiguousarray(arrays[3].T), arrays[4])


def fresh(items: int, popular: np.ndarray, seed: int, device: str) -> Weights:
    random = np.random.default_rng(seed)

    def drawn(*shape: int) -> Tensor:
        values = random.normal(0, WIDTH**-0.5, shape).astype(np.float32)
        return torch.from_numpy(values).to(device).requires_grad_()

    bias = torch.from_numpy(np.log1p(popular).astype(np.float32)).to(device).requires_grad_()
    offset = torch.zeros(WIDTH, device=device, requires_grad=True)
    return Weights(drawn(items, WIDTH), drawn(WIDTH, WIDTH), offset, drawn(items, WIDTH), bias)


def resumed(part: Towers, device: str) -> Weights:
    arrays = [part.embed, part.weight, part.offset, np.ascontiguousarray(part.out.T), part.bias]
    return Weights(*(torch.from_numpy(np.array(one)).to(device).requires_grad_() for one in arrays))


class Training:
    """One pass over the users per round."""

    def __init__(self, run: RunContext, key: str, log: Log, rows: np.ndarray, start: Towers | None) -> None:
        self.run, self.key, self.items, self.has_time = run, key, len(log.items), log.has_time
        self.starts, self.met = log.histories(rows)
        least = 2 if log.has_time else 1
        self.people = np.flatnonzero(np.diff(self.starts) >= least)
        popular = np.bincount(self.met, minlength=self.items)
        seed = seeds.derive(run.job.seed, key, "initial")
        self.weights = fresh(self.items, popular, seed, run.device) if start is None else resumed(start, run.device)
        self.optimiser = Adam(self.weights.listed(), LEARNING_RATE, WEIGHT_DECAY)
        self.round = 0

    def run_round(self, time: Slice) -> tuple[float, bool]:
        """(mean loss, whether the round was finished)."""
        random = seeds.generator(self.run.job.seed, self.key, "round", self.round)
        torch.manual_seed(seeds.derive(self.run.job.seed, self.key, "dropout", self.round))
        order = random.permutation(self.people)
        total, steps = 0.0, 0
        for at in range(0, len(order), BATCH):
            people = order[at : at + BATCH]
            if self.has_time:
                people = np.repeat(people, np.clip(np.diff(self.starts)[people] // 8, 1, 4))
            total += self._step(people, random)
            steps += 1
            self.run.progress.alive()
            if time.is_over():
                return total / steps, False
        self.round += 1
        return total / max(1, steps), True

    def _step(self, people: np.ndarray, random: np.random.Generator) -> float:
        rows = [self._question(person, random) for person in people]
        lengths = [len(seen) for seen, _, _ in rows]
        device = self.run.device
        offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)).to(device)
        seen = torch.from_numpy(np.concatenate([seen for seen, _, _ in rows])).to(device)
        amounts = torch.from_numpy(np.concatenate([amount for _, amount, _ in rows]).astype(np.float32)).to(device)
        person = np.repeat(np.arange(len(rows)), [len(wanted) for _, _, wanted in rows])
        wanted = np.concatenate([wanted for _, _, wanted in rows])
        places, columns = self._columns(wanted, len(rows), random)
        loss = self._loss(seen, offsets, amounts, columns, person, places)
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def _question(self, person: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(items that go in, how much each counts with length one, items to be found)."""
        history = self.met[self.starts[person] : self.starts[person + 1]]
        if self.has_time:
            cut = int(random.integers(1, len(history)))
            seen, wanted = history[max(0, cut - HISTORY_MOST) : cut], history[cut : cut + NEXT]
            amount = NEXT_DECAY ** np.arange(len(seen) - 1, -1, -1.0)
        else:
            history = random.permutation(history)[:HISTORY_MOST]
            seen, wanted = history[random.random(len(history)) < KEPT_SHARE], history
            amount = np.ones(len(seen))
        return seen, amount / (np.sqrt((amount**2).sum()) + LEAST_SPREAD), wanted

    def _columns(self, wanted: np.ndarray, rows: int, random: np.random.Generator) -> tuple[np.ndarray, Tensor | None]:
        """(column of each wanted item, the items that the softmax goes over; None: all)."""
        if rows * self.items <= MOST_CELLS:
            return wanted, None
        others = random.integers(0, self.items, MOST_CELLS // rows)
        columns = np.unique(np.concatenate([wanted, others]))
        return np.searchsorted(columns, wanted), torch.from_numpy(columns).to(self.run.device)

    def _loss(
        self,
        seen: Tensor,
        offsets: Tensor,
        amounts: Tensor,
        columns: Tensor | None,
        person: np.ndarray,
        places: np.ndarray,
    ) -> Tensor:
        w = self.weights
        vector = nn.functional.embedding_bag(seen, w.embed, offsets, mode="sum", per_sample_weights=amounts)
        vector = nn.functional.dropout(vector, 0.2)
        hidden = vector + torch.tanh(vector @ w.weight + w.offset)
        out, bias = (w.out, w.bias) if columns is None else (w.out[columns], w.bias[columns])
        likely = torch.log_softmax(hidden @ out.T + bias, dim=1)
        share = 1.0 / np.bincount(person)[person]
        device = self.run.device
        index = (torch.from_numpy(person).to(device), torch.from_numpy(places).to(device))
        return -(likely[index] * torch.from_numpy(share.astype(np.float32)).to(device)).sum() / (person.max() + 1)
