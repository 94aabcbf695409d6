"""Rolling origins: the moments of each series from which a forecast is made and compared with what came."""

from dataclasses import dataclass

import numpy as np

from workers.train import seeds
from workers.train.series import Series

MOST_TRAIN = 12_000  # windows; more teach little and cost memory
MOST_VALID = 3_000
TEST_MOST_SHARE = 0.25  # of a series that is too short for a whole horizon of test steps
VALID_SHARE = 0.35  # of what is left, at most
VALID_HORIZONS = 3  # the validation stretch is this many horizons long, where the series is long enough,
VALID_MOST_HORIZONS = 20  # and up to this many
VALID_LONG_SHARE = 0.15  # while they are at most this share
SEASON_CYCLES = 2  # seasons a window must hold before it teaches
LEAST_STEPS = 12  # of the longest series


@dataclass(frozen=True)
class Cut:
    """Where the stretches of a series begin: [0, valid) teaches, [valid, test) chooses, [test, end) measures."""

    valid: int
    test: int
    end: int


def cut(length: int, horizon: int) -> Cut:
    test = length - max(1, min(horizon, int(TEST_MOST_SHARE * length)))
    wished = max(VALID_HORIZONS * horizon, min(VALID_MOST_HORIZONS * horizon, int(VALID_LONG_SHARE * test)))
    valid = test - max(1, min(wished, int(VALID_SHARE * test)))
    return Cut(valid, test, length)


@dataclass(frozen=True)
class Origins:
    """[M, 2] int64: series, and how many of its values come before the forecast. Targets end before `ends`, [M]."""

    at: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.at)

    def some(self, most: int, seed: int) -> "Origins":
        """At most `most` of them, drawn evenly."""
        if len(self) <= most:
            return self
        kept = np.sort(seeds.generator(seed, "origins", most).permutation(len(self))[:most])
        return Origins(self.at[kept], self.ends[kept])


def rolling(series: list[Series], cuts: list[Cut], first: str, last: str, least: int) -> Origins:
    """Every origin from the start of stretch `first` to the start of `last`; targets up to where `last` begins."""
    found, ends = [], []
    for number, limits in enumerate(cuts):
        begin = least if first == "begin" else max(getattr(limits, first), min(least, 2))
        stop = getattr(limits, last)
        moments = np.arange(begin, stop)
        moments = moments[np.isfinite(series[number].values[np.minimum(moments, len(series[number].values) - 1)])]
        found.append(np.stack([np.full(len(moments), number), moments], axis=1))
        ends.append(np.full(len(moments), stop))
    return Origins(np.concatenate(found).astype(np.int64), np.concatenate(ends).astype(np.int64))


def last_origins(cuts: list[Cut]) -> Origins:
    """One per series: the whole test stretch, forecast at once."""
    at = np.array([[number, one.test] for number, one in enumerate(cuts)], dtype=np.int64)
    return Origins(at, np.array([one.end for one in cuts], dtype=np.int64))


def windows(series: list[Series], origins: Origins, length: int) -> np.ndarray:
    """The values before each origin, [M, L] float64, NaN at the left where the series is younger."""
    out = np.full((len(origins), length), np.nan)
    for row, (number, moment) in enumerate(origins.at):
        past = series[number].values[max(0, moment - length) : moment]
        out[row, length - len(past) :] = past
    return out


def targets(series: list[Series], origins: Origins, horizon: int) -> np.ndarray:
    """What came after each origin, [M, H] float64, NaN beyond the stretch."""
    out = np.full((len(origins), horizon), np.nan)
    for row, ((number, moment), end) in enumerate(zip(origins.at, origins.ends, strict=True)):
        future = series[number].values[moment : min(moment + horizon, end)]
        out[row, : len(future)] = future
    return out
