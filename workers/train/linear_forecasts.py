"""Classical forecasts as matrices: each takes the last L values of a series, [N, L] @ [L, H], to the next H values.

Naive forecasts, seasonal means, exponential smoothing and theta are all linear in the values once their parameters are
fixed. So they cost one small product in the exported graph, and smoothing needs no loop there: its recursion runs once,
here, over the coefficients (Hyndman and others, Forecasting with Exponential Smoothing, 2008, in error-correction form;
theta: Assimakopoulos and Nikolopoulos, 2000).
"""

import numpy as np

THETA_LINE_SHARE = 0.5


def seasonal_naive(window: int, horizon: int, season: int) -> np.ndarray:
    """The value one season ago; season 1 is the last value."""
    ahead = np.arange(horizon)
    matrix = np.zeros((window, horizon))
    matrix[np.maximum(window - season + ahead % season, 0), ahead] = 1.0
    return matrix


def seasonal_mean(window: int, horizon: int, season: int, cycles: int) -> np.ndarray:
    """Mean over the last `cycles` seasons at the same phase."""
    matrix = np.zeros((window, horizon))
    for cycle in range(1, cycles + 1):
        for ahead in range(horizon):
            matrix[window - season * cycle + ahead % season, ahead] += 1.0 / cycles
    return matrix


def drift(window: int, horizon: int) -> np.ndarray:
    """The last value and the mean step of the window on top."""
    matrix = seasonal_naive(window, horizon, 1)
    slope = np.arange(1, horizon + 1) / (window - 1)
    matrix[-1] += slope
    matrix[0] -= slope
    return matrix


def seasonal_drift(window: int, horizon: int, season: int) -> np.ndarray:
    """The value one season ago and the step from the season before last to the last one on top, season by season."""
    matrix = seasonal_naive(window, horizon, season)
    cycles = 1 + np.arange(horizon) // season
    matrix[window - season :] += cycles / season
    matrix[window - 2 * season : window - season] -= cycles / season
    return matrix


def smoothing(
    window: int, horizon: int, season: int, alpha: float, beta: float, gamma: float, damping: float
) -> np.ndarray:
    """Additive exponential smoothing; season 1: none, beta and damping 0: no trend.

    alpha, beta, gamma and damping lie in 0..1. First states: the first season's mean, the step to the second season's
    mean and the first season's deviations from that line.
    """
    basis = np.eye(window)
    has_trend = beta > 0 or damping > 0
    first = basis[:season].mean(axis=0)
    reach = season if window >= 2 * season else window - season
    trend = np.zeros(window)
    if has_trend and reach > 0:
        trend = (basis[reach : reach + season].mean(axis=0) - first) / reach
    states = basis[:season] - first - np.outer(np.arange(season) - (season - 1) / 2, trend)
    level = first + trend * (season - 1) / 2
    if season == 1:
        states = np.zeros((1, window))
    for step in range(season, window):
        place = step % season
        expected = level + damping * trend
        error = basis[step] - expected - states[place]
        level = expected + alpha * error
        if has_trend:
            trend = damping * trend + alpha * beta * error
        if season > 1:
            states[place] = states[place] + gamma * (1 - alpha) * error
    columns, reach_of_trend = [], 0.0
    for ahead in range(1, horizon + 1):
        reach_of_trend += damping**ahead
        columns.append(level + reach_of_trend * trend + states[(window + ahead - 1) % season])
    return np.stack(columns, axis=1)


def theta(window: int, horizon: int, season: int, alpha: float) -> np.ndarray:
    """Seasonal means taken off, half a straight line and half simple smoothing, seasonal means put back."""
    line = _line(window, horizon)
    cycle = np.zeros((season, window))
    if season > 1:
        rest = np.eye(window) - _line(window, 0)[:, :window].T  # rows: value minus the line, as coefficients
        phase = (np.arange(window) - window) % season
        for one in range(season):
            cycle[one] = rest[phase == one].mean(axis=0)
        cycle -= cycle.mean(axis=0)
        smooth = np.eye(window) - cycle[phase]
    else:
        smooth = np.eye(window)
    line_ahead = smooth.T @ line[:, window:]
    level = smooth.T @ smoothing(window, 1, 1, alpha, 0.0, 0.0, 0.0)
    slope = smooth.T @ _slope(window)
    ahead = np.arange(1, horizon + 1) - 1 + 1 / alpha - (1 - alpha) ** window / alpha
    flat = level + slope[:, None] * THETA_LINE_SHARE * ahead
    trend = flat if alpha > 0.05 else (1 - THETA_LINE_SHARE) * level + THETA_LINE_SHARE * line_ahead
    return np.asarray(trend + cycle[np.arange(horizon) % season].T)


def _slope(window: int) -> np.ndarray:
    """Least-squares slope as coefficients [L]."""
    centred = np.arange(window) - (window - 1) / 2
    return centred / max(float(centred @ centred), 1.0)


def _line(window: int, horizon: int) -> np.ndarray:
    """Least-squares line at the window's steps and the next ones: coefficients [L, L + H]."""
    at = np.arange(window + horizon) - (window - 1) / 2
    return 1.0 / window + np.outer(_slope(window), at)
