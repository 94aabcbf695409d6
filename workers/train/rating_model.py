"""Foretells a rating: overall mean, how generous the user is, how good the item is, and how well the two agree.

Alternating least squares in closed form (Zhou et al. 2008), vectorised over users and items.
"""

from dataclasses import dataclass

import numpy as np

from workers.export.ranking_parts import Ratings
from workers.train import seeds
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


def fit_ratings(log: Log, rows: np.ndarray, setting: RatingSetting, seed: int) -> Ratings:
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
        for _ in range(ROUNDS):
            tastes = _solve(user, natures[item], rest, users, setting.penalty)
            natures = _solve(item, tastes[user], rest, items, setting.penalty)
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


def choose(log: Log, rows: np.ndarray, asked: np.ndarray, seed: int) -> RatingSetting:
    """The setting with the least squared error on held-out ratings; first the damping, then the vectors."""

    def error(setting: RatingSetting) -> float:
        fitted = fit_ratings(log, rows, setting, seed)
        return float(((foretold(fitted, log.user[asked], log.item[asked]) - log.rating[asked]) ** 2).mean())

    plain = min((RatingSetting(one, 0, 1.0) for one in DAMPINGS), key=error)
    options = [RatingSetting(plain.damping, width, one) for width in WIDTHS if width for one in VECTOR_PENALTIES]
    return min([plain, *options], key=error)


def _damped_mean(group: np.ndarray, values: np.ndarray, groups: int, damping: float) -> np.ndarray:
    return np.bincount(group, values, groups) / (np.bincount(group, minlength=groups) + damping)


def _solve(group: np.ndarray, given: np.ndarray, wanted: np.ndarray, groups: int, penalty: float) -> np.ndarray:
    """Ridge regression of `wanted` on `given` [E, R] within each group, all groups at once. [groups, R]"""
    width = given.shape[1]
    squares = np.zeros((groups, width * width))
    products = np.stack([np.bincount(group, given[:, i] * wanted, groups) for i in range(width)], axis=1)
    order = np.argsort(group, kind="stable")
    for at in range(0, len(order), CHUNK):
        mine = order[at : at + CHUNK]
        outer = (given[mine][:, :, None] * given[mine][:, None, :]).reshape(len(mine), -1)
        present, first = np.unique(group[mine], return_index=True)
        squares[present] += np.add.reduceat(outer, first, axis=0)
    damped = squares.reshape(groups, width, width) + penalty * np.eye(width)
    return np.linalg.solve(damped, products[:, :, None])[:, :, 0]
