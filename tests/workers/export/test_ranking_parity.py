"""The comparison of two rankings could find a difference, and does not mind a draw."""

import dataclasses

import numpy as np

from workers.export.ranking_parity import ENDLESS, Ranked, compare

LIMIT = 1e-3
REFERENCE = Ranked(np.array([["a", "b", "c", ""]], dtype=object), np.array([[3.0, 2.0, 1.9999, 0.0]]))


def answered(*items: str, scores: tuple[float, ...] = (3.0, 2.0, 1.9999, 0.0)) -> Ranked:
    return Ranked(np.array([items], dtype=object), np.array([scores]))


def test_equal_rankings_and_draws_that_fall_the_other_way_do_not_differ() -> None:
    assert compare(REFERENCE, REFERENCE, LIMIT).flips == 0
    draw = compare(answered("a", "c", "b", ""), REFERENCE, LIMIT)
    assert (draw.flips, draw.worst) == (0, 0.0)


def test_another_order_another_item_and_another_length_are_flips() -> None:
    assert compare(answered("b", "a", "c", ""), REFERENCE, LIMIT).flips == 1
    assert compare(answered("x", "b", "c", ""), REFERENCE, LIMIT).flips == 1
    assert compare(answered("a", "b", "", ""), REFERENCE, LIMIT).flips == 1


def test_scores_ratings_and_shapes_that_differ_are_told() -> None:
    off = compare(answered("a", "b", "c", "", scores=(3.0, 2.0, 1.5, 0.0)), REFERENCE, LIMIT)
    assert off.worst == 1.9999 - 1.5
    rated = dataclasses.replace(REFERENCE, ratings=np.array([[5.0, 4.0, 3.0, 0.0]]))
    lower = dataclasses.replace(REFERENCE, ratings=np.array([[5.0, 4.0, 2.0, 0.0]]))
    assert compare(lower, rated, LIMIT).worst == 1.0
    assert compare(REFERENCE, rated, LIMIT).worst == ENDLESS
    assert compare(Ranked(REFERENCE.items[:, :2], REFERENCE.scores[:, :2]), REFERENCE, LIMIT).worst == ENDLESS
