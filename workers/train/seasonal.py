"""Which seasons a set of series has: calendar and autocorrelation propose, the naive forecast's error decides."""

import numpy as np

from workers.train.series import Series

MOST_SERIES = 200
MOST_STEPS = 4_000  # of each series, the last ones
MOST_KEPT = 4
STEPS_TRIED = 8  # of the steps ahead, evenly spread
NEARLY = 1.15  # times the best season's error
LEAST_CYCLES = 2.0  # of a season, in the median series
FOUND_FROM = 0.3  # autocorrelation of the detrended series at the season's lag
FOUND_LONGEST = 400


def find(series: list[Series], ends: list[int], proposed: tuple[int, ...], horizon: int) -> tuple[int, ...]:
    """Seasons in steps; (1,) where repeating the last value is best. Only values before `ends` count.

    The main season comes first: the shortest one that is nearly as good as the best, since a short one forgets sooner.
    """
    longest = np.argsort([-end for end in ends], kind="stable")[:MOST_SERIES]
    pieces = [_filled(series[i].values[: ends[i]][-MOST_STEPS:]) for i in longest]
    usual = float(np.median([len(one) for one in pieces]))
    found = {one for one in (*proposed, *_by_correlation(pieces)) if 1 < one <= usual / LEAST_CYCLES}
    errors = {season: _error(pieces, season, horizon) for season in sorted({1, *found})}
    ranked = sorted(errors, key=lambda season: (errors[season], season))
    limit = errors[ranked[0]] * NEARLY
    main = min(season for season in ranked if errors[season] <= limit and (season > 1 or ranked[0] == 1))
    return (main, *(season for season in ranked[:MOST_KEPT] if season != main))


def _filled(values: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(values))
    if len(known) == 0:
        return np.zeros(len(values))
    last = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), known[0]))
    return values[last].astype(np.float64)


def _error(pieces: list[np.ndarray], season: int, horizon: int) -> float:
    """Mean error of the seasonal naive forecast over the steps ahead, each series in units of its own spread."""
    ahead = np.unique(np.linspace(1, horizon, STEPS_TRIED).astype(int))
    errors = []
    for piece in pieces:
        one = _without_line(piece)
        spread = np.abs(one - one.mean()).mean() + 1e-12
        lags = [season * -(-int(step) // season) for step in ahead]
        found = [np.abs(one[lag:] - one[:-lag]).mean() / spread for lag in lags if lag < 0.8 * len(one)]
        if found:
            errors.append(min(10.0, float(np.mean(found))))
    return float(np.mean(errors)) if errors else float("inf")


def _without_line(values: np.ndarray) -> np.ndarray:
    at = np.arange(len(values)) - (len(values) - 1) / 2
    return np.asarray(values - values.mean() - at * (at @ values) / max(float(at @ at), 1.0))


def _by_correlation(pieces: list[np.ndarray]) -> list[int]:
    """Peaks of the mean autocorrelation of the differences-from-trend, highest first, at most two."""
    length = int(min(FOUND_LONGEST, max(len(one) for one in pieces) // 2))
    if length < 4:
        return []
    total, used = np.zeros(length + 1), 0
    for one in pieces:
        if len(one) < 2 * 4:
            continue
        rest = _without_line(one)
        power = np.abs(np.fft.rfft(rest, 2 * len(rest))) ** 2
        correlation = np.fft.irfft(power)[: length + 1]
        if correlation[0] > 1e-12:
            reach = min(len(correlation), len(one) // 2 + 1)
            lags = np.arange(reach)
            total[:reach] += correlation[:reach] / correlation[0] * len(one) / (len(one) - lags)
            used += 1
    mean = total / max(used, 1)
    peaks = [lag for lag in range(2, length) if mean[lag] >= mean[lag - 1] and mean[lag] > mean[lag + 1]]
    strong = [lag for lag in peaks if mean[lag] >= FOUND_FROM]
    return sorted(strong, key=lambda lag: -mean[lag])[:2]
