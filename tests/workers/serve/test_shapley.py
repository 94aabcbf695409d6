"""Shares by themselves: they add up, they are fair, and the runs they take are those that were promised."""

import itertools
from typing import Any

import numpy as np
import pytest

from contracts.explanations import MOST_ROWS, Size, TooManyPlayers, settle_size, usual_most_rows
from workers.serve.shapley import play, share_out

RANDOM = np.random.default_rng(3)


def told(size: Size, answer: Any, question: Any, background: Any, seed: int = 0) -> Any:
    game = play(size, seed)
    assert len(game.members) == size.rows
    return share_out(game, answer(np.where(game.members, question, background[game.background])))


def curved(rows: Any) -> Any:
    """Depends on all columns together but the last, and not on that at all."""
    return np.tanh(rows[:, :-1].sum(axis=1)) + rows[:, 0] * rows[:, 1] * rows[:, 2]


@pytest.mark.parametrize("players", [0, 1, 2, 5, 9, 40])
@pytest.mark.parametrize("most_rows", [50, 256, 1000])
def test_a_game_never_takes_more_runs_than_allowed_and_its_shares_add_up(players: int, most_rows: int):
    try:
        size = settle_size(players, 8, most_rows)
    except TooManyPlayers as error:
        pytest.fail(str(error))
    assert size.rows <= most_rows
    weights = RANDOM.normal(size=players)
    question, background = RANDOM.normal(size=players), RANDOM.normal(size=(8, players))

    def answer(rows: Any) -> Any:
        return np.sin(rows @ weights)

    shares = told(size, answer, question, background)
    assert shares.baseline + shares.each.sum() == pytest.approx(shares.answer, abs=1e-12)


def test_exact_shares_are_the_mean_over_every_order():
    question, background = np.array([1.0, 2.0, -1.0, 5.0]), np.array([[0.0, 1.0, 3.0, 2.0]])
    expected = np.zeros(4)
    orders = list(itertools.permutations(range(4)))
    for order in orders:
        row = background.copy()
        for player in order:
            before = curved(row)[0]
            row[0, player] = question[player]
            expected[player] += (curved(row)[0] - before) / len(orders)
    shares = told(Size(4, 1, 0), curved, question, background)
    assert shares.each == pytest.approx(expected, abs=1e-12)
    assert shares.each[3] == 0


def test_drawn_orders_come_close_to_exact_shares_and_the_error_covers_the_distance():
    question, background = RANDOM.normal(size=8), RANDOM.normal(size=(4, 8))
    exact = told(Size(8, 4, 0), curved, question, background)
    drawn = told(Size(8, 4, 40), curved, question, background, seed=1)
    assert np.abs(drawn.each - exact.each).max() < 0.1 * np.abs(exact.each).max()
    assert (np.abs(drawn.each - exact.each) <= 4 * drawn.error + 1e-12).all()
    assert (exact.error == 0).all()


def test_a_table_wider_than_the_runs_is_refused_with_what_would_do():
    with pytest.raises(TooManyPlayers) as caught:
        settle_size(2000, 8, MOST_ROWS)
    assert caught.value.least_rows == 2001
    assert settle_size(999, 8, MOST_ROWS).rows <= MOST_ROWS


def test_five_columns_of_a_usual_table_take_as_many_runs_as_the_manual_says():
    assert settle_size(5, 8, usual_most_rows(5, 8)) == Size(5, 8, 0)
    assert settle_size(5, 8, usual_most_rows(5, 8)).rows == 1 + 8 * (2**5 - 1)
    assert usual_most_rows(30, 8) == 1 + 8 + 16 * 29
