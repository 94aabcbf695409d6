"""Forecasts as matrices against their definitions, step by step."""

import numpy as np
import pytest

from workers.train import backtest, linear_forecasts


def smoothed_step_by_step(values, horizon, season, alpha, beta, gamma, damping):
    """The textbook recursion on numbers instead of coefficients."""
    level_first = values[:season].mean()
    trend = (values[season : 2 * season].mean() - level_first) / season
    states = values[:season] - level_first - trend * (np.arange(season) - (season - 1) / 2)
    level = level_first + trend * (season - 1) / 2
    for step in range(season, len(values)):
        expected = level + damping * trend
        error = values[step] - expected - states[step % season]
        level = expected + alpha * error
        trend = damping * trend + alpha * beta * error
        states[step % season] += gamma * (1 - alpha) * error
    ahead = np.arange(1, horizon + 1)
    reach = np.cumsum(damping**ahead)
    return level + reach * trend + states[(len(values) + ahead - 1) % season]


@pytest.mark.parametrize("damping", [0.9, 1.0])
def test_smoothing_as_a_matrix_is_the_recursion(damping: float) -> None:
    values = np.random.default_rng(0).normal(10, 3, 50)
    matrix = linear_forecasts.smoothing(50, 15, 7, 0.3, 0.2, 0.4, damping)
    assert np.allclose(values @ matrix, smoothed_step_by_step(values, 15, 7, 0.3, 0.2, 0.4, damping))


def test_naive_means_and_drift_do_what_they_say() -> None:
    values = np.arange(12.0)
    assert (values @ linear_forecasts.seasonal_naive(12, 5, 3)).tolist() == [9, 10, 11, 9, 10]
    assert (values @ linear_forecasts.seasonal_naive(12, 2, 1)).tolist() == [11, 11]
    assert (values @ linear_forecasts.seasonal_mean(12, 4, 3, 2)).tolist() == [7.5, 8.5, 9.5, 7.5]
    assert np.allclose(values @ linear_forecasts.drift(12, 3), [12, 13, 14])
    assert np.allclose(values @ linear_forecasts.seasonal_drift(12, 6, 3), [12, 13, 14, 15, 16, 17])


def test_every_forecast_of_a_straight_seasonal_line_goes_straight_on() -> None:
    season = np.array([3.0, -1.0, -2.0, 0.0])
    values = np.arange(48) * 0.5 + np.tile(season, 12)
    truth = np.arange(48, 56) * 0.5 + np.tile(season, 2)
    holt = linear_forecasts.smoothing(48, 8, 4, 0.3, 0.2, 0.3, 1.0)
    assert np.allclose(values @ holt, truth, atol=1e-6)
    assert np.abs(values @ linear_forecasts.theta(48, 8, 4, 0.5) - truth).max() < 3  # theta takes half the slope


def test_intervals_hold_what_they_promise_on_new_errors() -> None:
    random = np.random.default_rng(4)
    spread = np.sqrt(np.arange(1, 9))
    seen, new = (random.normal(0, 1, (400, 8)) * spread for _ in range(2))
    nothing, one = np.zeros((400, 8)), np.ones((400, 1))
    low, high = backtest.conformal_bands(seen, nothing, one, 0.8)
    assert 0.75 < ((new >= low) & (new <= high)).mean() < 0.86
    assert (np.diff(high) >= 0).all()
