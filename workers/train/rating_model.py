"""Foretells a rating: overall mean, how generous the user is, how good the item is, and how well the two agree.

Alternating least squares in closed form (Zhou et al. 2008), vectorised over users and items.
"""

from dataclasses import dataclass

import numpy as np

from workers.export.ranking_parts import Ratings
from workers.train import seeds
from workers.train.budget import Slice
from workers.train.interactions import Log

WIDTHS = (0, 8)  # length of the vectors; 0: no agreement
DAMPINGS = (2.0, 6.0, 15.0)  # events of prior belief that a user or an item is average
VECTOR_PENALTIES = (4.0, 12.0)
ROUNDS = 8
CHUNK = 200_000  # events whose products are held at once


@dataclass(frozen=True)
class RatingSetting:
    damping: float
    width: int
    penalty: float


class Groups:
    """Events of each user, or of each item, side by side: found once, used in every round."""

    def __init__(self, group: np.ndarray, groups: int) -> None:
        self.group, self.groups = group, groups
        self.order = np.argsort(group, kind="stable")
        self.sorted = group[self.order]


def fit_ratings(log: Log, rows: np.ndarray, setting: RatingSetting, seed: int, time: Slice) -> Ratings:
    """When the time is up, the vectors stay as far as they have come."""
    user, item, rating = log.user[rows], log.item[rows], log.rating[rows]
    users, items = len(log.users), len(log.items)
    mean = float(rating.mean())
    of_user, of_item = np.zeros(users), np.zeros(items)
    for _ in range(ROUNDS):
        of_item = _damped_mean(item, rating - mean - of_user[user], items, setting.damping)
        of_user = _damped_mean(user, rating - mean - of_item[item], users, setting.damping)
    width = max(1, setting.width)
    tastes, natures = np.zeros((users, width)), np.zeros((items, width))
    if setting.width:
        rest = rating - mean - of_user[user] - of_item[item]
        natures = seeds.generator(seed, "ratings").normal(0, 0.1, (items, width))
        by_user, by_item = Groups(user, users), Groups(item, items)
        for _ in range(ROUNDS):
            if time.is_over():
                break
            tastes = _solve(by_user, natures[item], rest, setting.penalty)
            natures = _solve(by_item, tastes[user], rest, setting.penalty)
    return Ratings(
        mean,
        np.append(of_user, 0.0).astype(np.float32),
        of_item.astype(np.float32),
        np.vstack([tastes, np.zeros(width)]).astype(np.float32),
        natures.astype(np.float32),
        float(log.rating.min()),
        float(log.rating.max()),
    )


def foretold(ratings: Ratings, user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """[N] for pairs of user and item."""
    agreement = (ratings.user_vectors[user] * ratings.item_vectors[item]).sum(axis=1)
    return np.clip(ratings.mean + ratings.user[user] + ratings.item[item] + agreement, ratings.lowest, ratings.highest)


def choose(log: Log, rows: np.ndarray, asked: np.ndarray, seed: int, time: Slice) -> RatingSetting:
    """The setting with the least squared error on held-out ratings; first the damping, then the vectors.

    Vectors are tried while a fit takes at most a part of the time: the kept setting is fitted twice more.
    """

    def error(setting: RatingSetting) -> float:
        fitted = fit_ratings(log, rows, setting, seed, time)
        return float(((foretold(fitted, log.user[asked], log.item[asked]) - log.rating[asked]) ** 2).mean())

    errors = {one: error(one) for one in (RatingSetting(one, 0, 1.0) for one in DAMPINGS)}
    damping = min(errors, key=errors.__getitem__).damping
    for setting in (RatingSetting(damping, width, one) for width in WIDTHS if width for one in VECTOR_PENALTIES):
        before_s = time.used_s()
        found = error(setting)
        if time.is_over():
            break  # cut short, so it says nothing
        errors[setting] = found
        if time.used_s() + (time.used_s() - before_s) > time.seconds:
            break
    return min(errors, key=errors.__getitem__)


def _damped_mean(group: np.ndarray, values: np.ndarray, groups: int, damping: float) -> np.ndarray:
    return np.bincount(group, values, groups) / (np.bincount(group, minlength=groups) + damping)


def _solve(by: Groups, given: np.ndarray, wanted: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge regression of `wanted` on `given` [E, R] within each group, all groups at once. [groups, R]"""
    width = given.shape[1]
    squares = np.zeros((by.groups, width * width))
    products = np.stack([np.bincount(by.group, given[:, i] * wanted, by.groups) for i in range(width)], axis=1)
    for at in range(0, len(by.order), CHUNK):
        mine = given[by.order[at : at + CHUNK]]
        outer = (mine[:, :, None] * mine[:, None, :]).reshape(len(mine), -1)
        present, first = np.unique(by.sorted[at : at + CHUNK], return_index=True)
        squares[present] += np.add.reduceat(outer, first, axis=0)
    damped = squares.reshape(by.groups, width, width) + penalty * np.eye(width)
    return np.linalg.solve(damped, products[:, :, None])[:, :, 0]
