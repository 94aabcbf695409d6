"""Who learns from which rows: several fits per family, each answering rows that it has never seen.

Random and group splits: the test rows are one fold among equals. The fit that holds them out is the one that the
evaluation asks about them; the other fits hold out one slice of the remaining rows each and learn from everything else.
So every number of the evaluation comes from rows unseen by whoever answered, and the shipped model, the mean of all
fits, has learned from every row. Weights, penalties, rounds and temperature are chosen without the test rows.

Time splits: one fit stops before the validation block and chooses, one stops before the test block and is evaluated,
one takes all rows; the last two are shipped.
"""

from dataclasses import dataclass

import numpy as np

from workers.train import seeds
from workers.train.splits import Parts

SLICES = 4  # of the rows that are not test rows
MANY_ROWS, VERY_MANY_ROWS = 12_000, 40_000  # fewer fits above these: more rows need less averaging


@dataclass(frozen=True)
class Fold:
    """Row positions. `chooses`: the answers to `held` may steer rounds, penalties and weights."""

    name: str
    fit: np.ndarray
    held: np.ndarray
    chooses: bool
    ships: bool = True


def folds_of(parts: Parts, strata: np.ndarray, kind: str, seed: int, groups: np.ndarray | None = None) -> list[Fold]:
    """Choosing folds first, then "test" (and "all" for time). `strata`: class per row; `groups`: never cut apart."""
    if kind == "time":
        everything = np.sort(np.concatenate([parts.fitted, parts.test]))
        return [
            Fold("1", parts.train, parts.valid, chooses=True, ships=False),
            Fold("test", parts.fitted, parts.test, chooses=False),
            Fold("all", everything, everything[:0], chooses=False),
        ]
    everything = np.sort(np.concatenate([parts.fitted, parts.test]))
    wanted = SLICES if len(everything) <= MANY_ROWS else 2 if len(everything) <= VERY_MANY_ROWS else 1
    slices = _slices(parts.fitted, strata, seed, groups)[:wanted]
    folds = [
        Fold(str(i), np.setdiff1d(everything, held), held, chooses=True)
        for i, held in enumerate(slices, 1)
        if len(held)
    ]
    return [*folds, Fold("test", parts.fitted, parts.test, chooses=False)]


def _slices(rows: np.ndarray, strata: np.ndarray, seed: int, groups: np.ndarray | None) -> list[np.ndarray]:
    """Four slices of `rows`, keeping the share of each class; rows of one group stay together."""
    random = seeds.generator(seed, "folds")
    if groups is not None:
        found = random.permutation(np.unique(groups[rows]))
        place_of = {group: i % SLICES for i, group in enumerate(found)}
        place = np.array([place_of[group] for group in groups[rows]])
        return [rows[place == i] for i in range(SLICES)]
    place = np.empty(len(rows), dtype=np.int64)
    start = 0
    for one in np.unique(strata[rows]):
        inside = random.permutation(np.flatnonzero(strata[rows] == one))
        place[inside] = (np.arange(len(inside)) + start) % SLICES
        start += len(inside)  # so that rare classes do not all fall into the first slice
    return [rows[place == i] for i in range(SLICES)]


def fold_ids(folds: list[Fold], rows: int) -> np.ndarray:
    """[rows]: which fold holds a row out; rows that no fold holds out are dealt to three more."""
    ids = len(folds) + 1 + np.arange(rows) % 3
    for i, fold in enumerate(folds, 1):
        ids[fold.held] = i
    return ids
