"""One function per family of forecasts: from training origins to members that a blend can choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workers.train import linear_forecasts, numpy_ops, origins
from workers.train.budget import Slice
from workers.train.context import RunContext
from workers.train.exponential_smoothing import MOST_WINDOWS, Rows, Smoothed, fit_smoothing, fit_theta
from workers.train.forecast_forward import Member, Shape, fill, logarithms, norm_of, scale_of, tree_features
from workers.train.lag_boosting import MOST_ROUNDS as MOST_TREES
from workers.train.lag_boosting import fit_lags
from workers.train.origins import Origins
from workers.train.window_network import MOST_ROUNDS, fit_network

if TYPE_CHECKING:
    from workers.train.forecast_model import Data

TREE_ROWS_LEAST, TREE_ROWS_MOST = 10_000, 150_000  # origins times steps
TREE_ROWS_PER_S = 6_000  # of the time there is, so that enough trees grow
VALID_ROWS_MOST = 40_000
KEPT_VARIANTS = 3  # smoothing variants offered to the blend
TRENDS = ("damped", "flat", "straight")
LOGS_FROM_RATIO = 1.5  # largest to smallest season mean: below it logarithms change nothing


@dataclass(frozen=True)
class Stretch:
    """A set of origins with all that a family looks at; truth is NaN where unknown."""

    windows: np.ndarray  # [M, L]
    last_times: np.ndarray  # [M, 1]
    truth: np.ndarray  # [M, H]
    scale: np.ndarray  # [M] of the series, for MASE
    window_scale: np.ndarray  # [M, 1] of the window, for intervals
    filled: np.ndarray  # [M, L]

    @classmethod
    def of(cls, data: Data, rows: np.ndarray, scale: np.ndarray, up_to: list[int] | None = None) -> Stretch:
        """`up_to`: where the visible part of each series ends, when that is later than the origins' own stretch."""
        at = data.at(rows)
        if up_to is not None:
            ends = np.array(up_to, dtype=np.int64)[at.at[:, 0]]
            kept = at.at[:, 1] < ends
            rows, at = rows[kept], Origins(at.at[kept], ends[kept])
        windows = data.windows(rows)
        filled = _filled(windows, data.shape)
        truth = origins.targets(data.table.series, at, data.shape.horizon)
        per_row = scale[at.at[:, 0]]
        return cls(windows, data.last_times(rows), truth, per_row, scale_of(numpy_ops, filled, data.shape), filled)

    def evenly(self, most: int) -> np.ndarray:
        """At most `most` row numbers, spread over all."""
        return np.unique(np.linspace(0, len(self.windows) - 1, min(most, len(self.windows))).astype(int))


def _filled(windows: np.ndarray, shape: Shape) -> np.ndarray:
    """Only the windows that need it: filling passes over each one a dozen times."""
    is_short = np.isnan(windows).any(axis=1)
    filled = windows.copy()
    if is_short.any():
        filled[is_short] = fill(numpy_ops, windows[is_short], shape)
    return filled


Fit = Callable[..., list[Member]]


def takes_logs(data: Data) -> bool:
    """Whether growth may be in proportion: all values above zero, and of different size over time."""
    lows = [float(np.nanmin(one.values)) for one in data.table.series]
    if min(lows) <= 0:
        return False
    ratios = [float(np.nanquantile(one.values, 0.95) / np.nanquantile(one.values, 0.05)) for one in data.table.series]
    return float(np.median(ratios)) > LOGS_FROM_RATIO


def naive(
    run: RunContext, data: Data, key: str, train: Stretch, valid: Stretch | None, time: Slice, index: int
) -> list[Member]:
    """Every season's naive forecast and the last value: the measure for everything else."""
    shape = data.shape
    return [
        Member(
            "seasonal_naive",
            "matrix",
            matrix=linear_forecasts.seasonal_naive(shape.window, shape.horizon, season),
            note=f"repeats the last {season} values" if season > 1 else "repeats the last value",
            facts={"season": season},
        )
        for season in dict.fromkeys((*shape.seasons, 1))
        if season <= shape.window
    ]


def smoothing(
    run: RunContext, data: Data, key: str, train: Stretch, valid: Stretch | None, time: Slice, index: int
) -> list[Member]:
    """Every trend with every season, in values and logarithms; the best three and the simple means."""
    shape, found = data.shape, list[tuple[Smoothed, bool]]()
    seasons = [one for one in dict.fromkeys((*shape.seasons, 1)) if 2 * one <= shape.window]
    variants = [(s, t, logs) for s in seasons for logs in _domains(data) for t in TRENDS]
    for place, (season, trend, logs) in enumerate(variants):
        if time.is_over() and found:
            break
        share = Slice(run.budget, (time.seconds - time.used_s()) / (len(variants) - place))
        found.append((fit_smoothing(_rows(train, logs), shape.horizon, season, trend, share), logs))
        run.progress.alive()
    found.sort(key=lambda pair: pair[0].loss)
    members = [_member("exponential_smoothing", one, logs) for one, logs in found[:KEPT_VARIANTS]]
    return members + _means(shape)


def _means(shape: Shape) -> list[Member]:
    found = []
    for season in shape.seasons:
        for cycles in (2, 3, 4):
            if season * cycles <= shape.window:
                matrix = linear_forecasts.seasonal_mean(shape.window, shape.horizon, season, cycles)
                note = f"mean of the last {cycles} seasons of {season}"
                found.append(Member("exponential_smoothing", "matrix", matrix=matrix, note=note))
        if season > 1 and 2 * season <= shape.window:
            matrix = linear_forecasts.seasonal_drift(shape.window, shape.horizon, season)
            note = f"last season of {season} and its step"
            found.append(Member("exponential_smoothing", "matrix", matrix=matrix, note=note))
    matrix = linear_forecasts.drift(shape.window, shape.horizon)
    return [*found, Member("exponential_smoothing", "matrix", matrix=matrix, note="the last value and its drift")]


def theta(
    run: RunContext, data: Data, key: str, train: Stretch, valid: Stretch | None, time: Slice, index: int
) -> list[Member]:
    shape, found = data.shape, list[tuple[Smoothed, bool]]()
    for logs in _domains(data):
        for season in [one for one in dict.fromkeys((shape.season, *shape.seasons[:2])) if 2 * one <= shape.window]:
            if not (time.is_over() and found):
                found.append((fit_theta(_rows(train, logs), shape.horizon, season, time), logs))
    found.sort(key=lambda pair: pair[0].loss)
    return [_member("theta", one, logs) for one, logs in found[:2]]


def _domains(data: Data) -> tuple[bool, ...]:
    return (True, False) if takes_logs(data) else (False,)


def _rows(train: Stretch, logs: bool) -> Rows:
    kept = train.evenly(MOST_WINDOWS)
    filled = train.filled[kept]
    return Rows(logarithms(numpy_ops, filled) if logs else filled, train.truth[kept], train.scale[kept], logs)


def _member(family: str, one: Smoothed, logs: bool) -> Member:
    return Member(family, "matrix", in_logs=logs, matrix=one.matrix, note=one.note)


def boosting(
    run: RunContext,
    data: Data,
    key: str,
    train: Stretch,
    valid: Stretch | None,
    time: Slice,
    index: int,
    base: np.ndarray,
    rounds: int = MOST_TREES,
) -> list[Member]:
    """Trees that correct `base`, the best matrix in the same units."""
    logs = takes_logs(data)
    fit = _tree_rows(
        data, train, logs, base, int(np.clip(time.seconds * TREE_ROWS_PER_S, TREE_ROWS_LEAST, TREE_ROWS_MOST))
    )
    held = _tree_rows(data, valid, logs, base, VALID_ROWS_MOST) if valid else None
    grown = fit_lags(run, key, fit, held, time, rounds, index)
    if grown.rounds == 0:
        return []
    note = f"{grown.rounds} trees{' on logarithms' if logs else ''}"
    names = tuple(str(i) for i in range(fit[0].shape[1]))
    facts = {"rounds": grown.rounds}
    return [
        Member(
            "gradient_boosting",
            "trees",
            in_logs=logs,
            matrix=base,
            boosted=grown,
            note=note,
            facts=facts,
            feature_names=names,
        )
    ]


def _tree_rows(data: Data, stretch: Stretch, logs: bool, base: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """x [rows, F] float32 and y [rows] in units of the window's spread, known ones only."""
    kept = stretch.evenly(max(1, most // data.shape.horizon))
    source, level, spread, y = _normed(data.shape, stretch, logs, base, kept)
    x = tree_features(numpy_ops, source, level, spread, stretch.last_times[kept], data.shape)
    known = np.isfinite(y)
    return x[known].astype(np.float32), np.clip(y[known], -20, 20)


def _normed(
    shape: Shape, stretch: Stretch, logs: bool, base: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    filled, truth = stretch.filled[kept], stretch.truth[kept]
    if logs:
        filled, truth = logarithms(numpy_ops, filled), np.log(np.maximum(truth, 1e-30))
    level, spread = norm_of(numpy_ops, filled, shape)
    return filled, level, spread, (truth - filled @ base) / spread


def network(
    run: RunContext,
    data: Data,
    key: str,
    train: Stretch,
    valid: Stretch | None,
    time: Slice,
    index: int,
    base: np.ndarray,
    rounds: int = MOST_ROUNDS,
) -> list[Member]:
    """A network that corrects `base`."""
    logs = takes_logs(data)

    def rows(stretch: Stretch) -> tuple[np.ndarray, np.ndarray]:
        source, level, spread, y = _normed(data.shape, stretch, logs, base, np.arange(len(stretch.windows)))
        return (source - level) / spread, np.clip(y, -20, 20)

    made = fit_network(run, key, rows(train), rows(valid) if valid else None, time, rounds, index)
    if made.rounds == 0:
        return []
    note = f"{made.rounds} rounds{' on logarithms' if logs else ''}"
    facts = {"rounds": made.rounds}
    return [Member("window_network", "network", in_logs=logs, matrix=base, layers=made.layers, note=note, facts=facts)]


FIT: dict[str, Fit] = {
    "seasonal_naive": naive,
    "exponential_smoothing": smoothing,
    "theta": theta,
    "gradient_boosting": boosting,
    "window_network": network,
}


def base_of(data: Data, members: list[Member], train: Stretch) -> np.ndarray:
    """The matrix that forecasts the training origins best, in the units that trees and networks learn in."""
    rows = _rows(train, takes_logs(data))
    known = [m.matrix for m in members if m.kind == "matrix" and m.matrix is not None and m.in_logs == rows.in_logs]
    shape = data.shape
    known.append(linear_forecasts.seasonal_naive(shape.window, shape.horizon, shape.season))
    return min(known, key=rows.loss)
