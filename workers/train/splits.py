"""Who is in train, validation and test: decided once by the seed, stratified by class, the same on every machine."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.train import seeds

TEST_SHARE = 0.2  # of all rows
VALID_SHARE = 0.2  # of the rest
RARE_ROWS = 3


@dataclass(frozen=True)
class Parts:
    """Row numbers, ascending."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    @property
    def fitted(self) -> np.ndarray:
        """Everything except test: what the kept models are fitted on at the end."""
        return np.sort(np.concatenate([self.train, self.valid]))


def by_share(groups: np.ndarray, wishes: dict[str, Any], seed: int) -> Parts:
    """Split rows, keeping the share of each group. `groups`: class index per row; all zeros for regression."""
    chosen_seed = int(wishes.get("seed", seed) or 0)
    test_share = float(wishes.get("test_share") or TEST_SHARE)
    valid_share = float(wishes.get("valid_share") or VALID_SHARE)
    train: list[np.ndarray] = []
    valid: list[np.ndarray] = []
    test: list[np.ndarray] = []
    random = seeds.generator(chosen_seed, "split")
    for group in np.unique(groups):
        rows = random.permutation(np.flatnonzero(groups == group))
        is_rare = len(rows) < RARE_ROWS  # too few for three parts: all are for learning
        test_n = 0 if is_rare else max(1, round(test_share * len(rows)))
        valid_n = 0 if is_rare else max(1, round(valid_share * (len(rows) - test_n)))
        test.append(rows[:test_n])
        valid.append(rows[test_n : test_n + valid_n])
        train.append(rows[test_n + valid_n :])
    return Parts(*(np.sort(np.concatenate(part)) for part in (train, valid, test)))


def _shares(wishes: dict[str, Any]) -> tuple[float, float]:
    return float(wishes.get("test_share") or TEST_SHARE), float(wishes.get("valid_share") or VALID_SHARE)


def by_order(order: np.ndarray, wishes: dict[str, Any]) -> Parts:
    """The last rows by `order` are the test rows, those before them validation; equal values stay in file order."""
    test_share, valid_share = _shares(wishes)
    rows = np.argsort(order, kind="stable")
    test_n = max(1, round(test_share * len(rows)))
    valid_n = max(1, round(valid_share * (len(rows) - test_n)))
    cuts = np.split(rows, [len(rows) - test_n - valid_n, len(rows) - test_n])
    return Parts(*(np.sort(part) for part in cuts))


def by_group(groups: np.ndarray, wishes: dict[str, Any], seed: int) -> Parts:
    """Whole groups: drawn until the test rows, then the validation rows, have their share. `groups`: id per row."""
    test_share, valid_share = _shares(wishes)
    order = seeds.generator(int(wishes.get("seed", seed) or 0), "split").permutation(np.unique(groups))
    sizes = np.bincount(groups)[order]
    before = np.cumsum(sizes) - sizes  # rows of the groups drawn earlier
    test = before < test_share * len(groups)
    test_n = int(sizes[test].sum())
    valid = ~test & (before < test_n + valid_share * (len(groups) - test_n))
    parts = (order[~test & ~valid], order[valid], order[test])
    return Parts(*(np.flatnonzero(np.isin(groups, part)) for part in parts))
