"""How a recommender scores: the reference that the exported graph is compared with, in numpy and double precision."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from workers.export.ranking_parts import Constant, Matrix, Neighbours, Part, RankingMember, RankingModel

CHUNK_CELLS = 4_000_000
LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Histories:
    """What N people met before, oldest first: items of person p are items[starts[p]:starts[p + 1]]."""

    starts: np.ndarray  # int64 [N + 1]
    items: np.ndarray  # int64
    strengths: np.ndarray  # float32, as long as items; empty: all 1

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, people: np.ndarray) -> "Histories":
        counts = np.diff(self.starts)[people]
        starts = np.concatenate([[0], np.cumsum(counts)])
        places = np.repeat(self.starts[people] - starts[:-1], counts) + np.arange(starts[-1])
        return Histories(starts, self.items[places], self.strengths[places] if len(self.strengths) else self.strengths)

    def matrix(self, items: int, decay: float = 1.0, uses_strength: bool = False, reach: int = 0) -> sp.csr_matrix:
        """[N, I] float64; an item met twice counts by its heavier event."""
        counts = np.diff(self.starts)
        person = np.repeat(np.arange(len(counts)), counts)
        age = np.repeat(self.starts[1:], counts) - 1 - np.arange(len(self.items))
        values = np.power(decay, age) if decay < 1 else np.ones(len(age))
        if uses_strength and len(self.strengths):
            values = values * self.strengths
        if reach:
            values = np.where(age < reach, values, 0.0)
        order = np.lexsort((values, self.items, person))
        pair = person[order] * items + self.items[order]
        last = order[np.append(pair[1:] != pair[:-1], True)] if len(order) else order
        return sp.csr_matrix((values[last], (person[last], self.items[last])), shape=(len(counts), items))


def scores_of(part: Part, met: sp.csr_matrix) -> np.ndarray:
    """[N, I] from what was met [N, I]."""
    if isinstance(part, Constant):
        return np.tile(part.scores.astype(np.float64), (met.shape[0], 1))
    if isinstance(part, Matrix):
        return np.asarray(met @ part.values, dtype=np.float64)
    if isinstance(part, Neighbours):
        return np.asarray((met @ as_sparse(part)).todense())
    length = np.sqrt(np.asarray(met.multiply(met).sum(axis=1))) + LEAST_SPREAD
    vector = np.asarray(met @ part.embed) / length
    hidden = vector + np.tanh(vector @ part.weight + part.offset)
    return hidden @ part.out + part.bias


def as_sparse(part: Neighbours) -> sp.csr_matrix:
    """[I, I] of the kept entries."""
    items = len(part.items) - 1
    row, place = np.nonzero(part.items[:-1] < items)
    values = part.values[row, place].astype(np.float64)
    return sp.csr_matrix((values, (row, part.items[row, place])), shape=(items, items))


def standardised(scores: np.ndarray) -> np.ndarray:
    """Mean 0, spread 1 in each row."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    return centred / (np.sqrt((centred**2).mean(axis=1, keepdims=True)) + LEAST_SPREAD)


def member_scores(member: RankingMember, histories: Histories, items: int) -> np.ndarray:
    return standardised(
        scores_of(member.part, histories.matrix(items, member.decay, member.uses_strength, member.reach))
    )


def blended(model: RankingModel, histories: Histories) -> np.ndarray:
    """[N, I]; people without a history get popularity."""
    items = len(model.items)
    parts = [one.weight * member_scores(one, histories, items) for one in model.members]
    is_new = np.diff(histories.starts)[:, None] == 0
    return np.where(is_new, standardised(model.popularity[None].astype(np.float64)), np.sum(parts, axis=0))


def in_chunks(rows: int, items: int) -> Iterator[np.ndarray]:
    size = max(1, CHUNK_CELLS // max(1, items))
    for at in range(0, rows, size):
        yield np.arange(at, min(rows, at + size))


def hide_seen(scores: np.ndarray, histories: Histories) -> None:
    """Items already met can never be first."""
    person = np.repeat(np.arange(len(histories)), np.diff(histories.starts))
    scores[person, histories.items] = -np.inf


def stored(model: RankingModel) -> Histories:
    return Histories(model.starts, model.stored.astype(np.int64), model.strengths)


def ratings_of(model: RankingModel, user: np.ndarray) -> np.ndarray:
    """[N, I]; `user` is a place in `users`, their number for nobody."""
    r = model.ratings
    assert r is not None
    raw = r.mean + r.user[user][:, None] + r.item[None] + r.user_vectors[user] @ r.item_vectors.T
    return np.clip(raw, r.lowest, r.highest)
