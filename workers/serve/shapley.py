"""Shares of an answer among players, fairly: Shapley values from a bounded number of runs of a model.

A game compares one question with a few backgrounds. A coalition takes the values of some players from the question and
of all others from one background; a player's share is what its joining changes, on average over the orders of joining.
With few players every order is counted exactly (Shapley 1953); with more, orders are drawn in pairs, each with its
reverse (Mitchell et al. 2022, antithetic permutations). Each order tells a sum of changes from a background to the
question, so in both cases the shares add up to `answer - baseline`, a player whose joining never changes anything
gets exactly 0, and for a sum of independent effects each share is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from contracts.explanations import Size


@dataclass(frozen=True)
class Game:
    """Coalitions [rows, players] with the background of each, and what is learnt from them.

    Row 0 is the question, rows 1 to K the backgrounds. A step says: `player` joins, `before` becomes `after`.
    """

    size: Size
    members: Any  # bool [rows, players]
    background: Any  # int [rows]
    player: Any  # int [steps]
    before: Any  # int [steps]
    after: Any  # int [steps]
    weight: Any  # float [steps]
    order: Any  # int [steps]: which order a step belongs to; a pair of an order and its reverse are neighbours


@dataclass(frozen=True)
class Shares:
    answer: float
    baseline: float
    each: Any  # float64 [players]
    error: Any  # float64 [players], standard error of the draw; None where it is unknown


def play(size: Size, seed: int) -> Game:
    """Write down every coalition that has to be run."""
    if size.players == 0:
        none = np.zeros(0, dtype=np.int64)
        return Game(size, np.zeros((1, 0), bool), np.zeros(1, np.int64), none, none, none, none * 1.0, none)
    return _all_orders(size) if size.orders == 0 else _some_orders(size, seed)


def share_out(game: Game, answers: Any) -> Shares:
    """`answers`: float64 [rows], the model's answer to each coalition."""
    change = answers[game.after] - answers[game.before]
    players, backgrounds = game.size.players, game.size.backgrounds
    each = np.bincount(game.player, weights=game.weight * change, minlength=players)
    baseline = float(answers[1 : 1 + backgrounds].mean()) if players else float(answers[0])
    return Shares(float(answers[0]), baseline, each, _error(game, change))


def _error(game: Game, change: Any) -> Any:
    """From how the pairs of a background differ; of a single pair from how an order and its reverse do, which is more
    than the error, as they lie on opposite sides, but 0 where players do not depend on each other."""
    players, backgrounds, orders = game.size.players, game.size.backgrounds, game.size.orders
    if orders == 0 or players <= 1:
        return np.zeros(players)
    if orders == 1:
        return None
    by_order = np.zeros((backgrounds * orders, players))
    by_order[game.order, game.player] = change
    pairs = by_order.reshape(backgrounds, orders // 2, 2, players)
    if orders == 2:
        spread = (pairs[:, :, 0] - pairs[:, :, 1]) / 2
        return np.sqrt((spread**2).sum(axis=(0, 1))) / backgrounds
    variance = pairs.mean(axis=2).var(axis=1, ddof=1) / (orders // 2)
    return np.sqrt(variance.sum(axis=0)) / backgrounds


def _all_orders(size: Size) -> Game:
    players, backgrounds = size.players, size.backgrounds
    full = 2**players - 1
    codes = np.arange(full + 1)
    member = (codes[:, None] >> np.arange(players)) & 1 == 1  # [2^P, P]
    inside = member[1:full]
    members = np.concatenate(
        [np.ones((1, players), bool), np.zeros((backgrounds, players), bool), np.tile(inside, (backgrounds, 1))]
    )
    background = np.concatenate([[0], np.arange(backgrounds), np.repeat(np.arange(backgrounds), len(inside))])
    before, player = np.nonzero(~member)  # coalition code, and who joins it
    after = before | (1 << player)
    sizes = member.sum(axis=1)[before]
    weight = np.array([1 / (players * comb(players - 1, int(count))) for count in sizes]) / backgrounds
    steps: dict[str, list[Any]] = {"before": [], "after": []}
    for place in range(backgrounds):
        row_of = codes - 1 + 1 + backgrounds + place * len(inside)  # code 1 is the first of this background
        row_of[0], row_of[full] = 1 + place, 0
        steps["before"].append(row_of[before])
        steps["after"].append(row_of[after])
    return Game(
        size,
        members,
        background,
        np.tile(player, backgrounds),
        np.concatenate(steps["before"]),
        np.concatenate(steps["after"]),
        np.tile(weight, backgrounds),
        np.zeros(len(player) * backgrounds, np.int64),
    )


def _some_orders(size: Size, seed: int) -> Game:
    players, backgrounds, orders = size.players, size.backgrounds, size.orders
    random = np.random.default_rng(seed)
    members = np.zeros((size.rows, players), bool)
    members[0] = True
    background = np.concatenate([[0], np.arange(backgrounds), np.zeros(size.rows - 1 - backgrounds, np.int64)])
    joins, before, after = [], [], []
    row = 1 + backgrounds
    joining = np.arange(players)
    for walk in range(backgrounds * orders):
        place = walk // orders
        joining = joining[::-1] if walk % 2 else random.permutation(players)
        rows = np.arange(row, row + players - 1)
        members[rows] = np.argsort(joining)[None, :] <= np.arange(players - 1)[:, None]
        background[rows] = place
        joins.append(joining)
        before.append(np.concatenate([[1 + place], rows]))
        after.append(np.concatenate([rows, [0]]))
        row += players - 1
    walks = backgrounds * orders
    return Game(
        size,
        members,
        background,
        np.concatenate(joins),
        np.concatenate(before),
        np.concatenate(after),
        np.full(walks * players, 1 / walks),
        np.repeat(np.arange(walks), players),
    )
