"""The arithmetic of a forecast, from the last L values of a series to value, lower and upper of the next H steps.

Written once against `ops`: on numpy arrays it is the reference (with LightGBM's own trees), on graph nodes it becomes
the exported model. Missing values are filled in the window itself: gaps by the value before, a short history by its
own season repeated backwards.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workers.train import timeline
from workers.train.boosting import Boosted
from workers.train.checkpoint import Saved
from workers.train.timeline import Frequency

LEAST_POSITIVE = 1e-6  # of the largest value: what a zero counts as where logarithms are taken
LOG_REACH = 3.0  # a forecast leaves the window's range by at most e^3, whatever a growth rate says
RANGE_REACH = 10.0  # or, without logarithms, by ten times the range
GRID = 4_096.0  # features of trees are rounded to 1/4096: equal values stay equal on every machine


@dataclass(frozen=True)
class Shape:
    window: int  # L
    horizon: int  # H
    season: int  # the main one; 1: none
    seasons: tuple[int, ...]  # all that the features look back to
    frequency: Frequency
    is_positive: bool  # no value below zero was ever seen: forecasts stay there


@dataclass
class Member:
    """One way to forecast: a matrix, trees or a network, in values or in their logarithms."""

    family: str
    kind: str  # "matrix" | "trees" | "network"
    in_logs: bool = False
    matrix: np.ndarray | None = None  # [L, H]; trees and networks say how far off it is
    boosted: Boosted | None = None
    layers: tuple[np.ndarray, ...] = ()
    note: str = ""  # in words, for the board
    facts: dict[str, Any] = field(default_factory=dict)

    feature_names: tuple[str, ...] = ()

    def packed(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """As a checkpoint keeps it: plain facts and arrays."""
        facts: dict[str, Any] = {"kind": self.kind, "in_logs": self.in_logs, "note": self.note, "facts": self.facts}
        facts["features"] = len(self.feature_names)
        arrays = {f"layer{i}": one for i, one in enumerate(self.layers)}
        if self.matrix is not None:
            arrays["matrix"] = self.matrix
        if self.boosted is not None:
            saved = self.boosted.as_saved()
            facts["boosted"] = saved.facts
            arrays |= {f"boosted_{name}": one for name, one in saved.arrays.items()}
        return facts, arrays

    @classmethod
    def unpacked(cls, family: str, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> "Member":
        boosted = None
        if "boosted" in facts:
            held = {name[8:]: one for name, one in arrays.items() if name.startswith("boosted_")}
            boosted = Boosted.from_saved(Saved(facts["boosted"], held))
        layers = tuple(arrays[f"layer{i}"] for i in range(len(arrays)) if f"layer{i}" in arrays)
        names = tuple(str(i) for i in range(facts["features"]))
        return cls(
            family, facts["kind"], facts["in_logs"], arrays.get("matrix"), boosted, layers, facts["note"],
            facts["facts"], names,
        )  # fmt: skip


def fill(ops: Any, window: Any, shape: Shape) -> Any:
    """No missing value is left unless all are: steps of 1, 2, 4, … pass a value on over any gap.

    1. the value before fills a gap 2. a short history is continued backwards by its season and its step from season to
    season 3. what is still missing takes the first value.
    """
    window = _spread_from(ops, window, shape.window, 1, -1)
    known = ops.where(ops.isnan(window), 0.0, window)
    count = ops.where(ops.isnan(window), 0.0, 1.0)
    if shape.season < shape.window:
        later, earlier = np.arange(shape.season, shape.window), np.arange(shape.window - shape.season)
        is_pair = ops.take(count, later) * ops.take(count, earlier)
        step = ops.mean((ops.take(known, later) - ops.take(known, earlier)) * is_pair)
        # Half a season of doubt: one or two pairs say little about growth.
        step = step / (ops.mean(is_pair) + 0.5 * shape.season / len(later))
        least = ops.smallest(ops.where(ops.isnan(window), ops.largest(known), window))
        window = _spread_from(ops, window, shape.window, shape.season, 1, step)
        if shape.is_positive:
            window = ops.where(ops.isnan(window), window, ops.maximum(window, least * 0.5))
    return _spread_from(ops, window, shape.window, 1, 1)


def _spread_from(ops: Any, window: Any, length: int, stride: int, direction: int, step: Any = None) -> Any:
    place, reach = np.arange(length), stride
    while reach < length:
        source = place + direction * reach
        source = np.where((source >= 0) & (source < length), source, place)
        passed = ops.take(window, source)
        if step is not None:
            passed = passed - step * float(reach // stride)
        window = ops.where(ops.isnan(window), passed, window)
        reach *= 2
    return window


def scale_of(ops: Any, filled: Any, shape: Shape) -> Any:
    """[N, 1]: mean step from season to season within the window; never zero."""
    season = shape.season if shape.season < shape.window else 1
    later, earlier = np.arange(season, shape.window), np.arange(shape.window - season)
    step = ops.mean(ops.absolute(ops.take(filled, later) - ops.take(filled, earlier)))
    return ops.maximum(step, ops.mean(ops.absolute(filled)) * 1e-4 + 1e-9)


def logarithms(ops: Any, filled: Any) -> Any:
    least = ops.largest(filled) * LEAST_POSITIVE + 1e-30
    return ops.log(ops.maximum(filled, ops.maximum(least, 1e-30)))


def norm_of(ops: Any, source: Any, shape: Shape) -> tuple[Any, Any]:
    """Level (mean of the last season, at least seven steps) and spread (mean distance from it), each [N, 1]."""
    last = np.arange(max(0, shape.window - max(shape.season, 7)), shape.window)
    level = ops.mean(ops.take(source, last))
    spread = ops.mean(ops.absolute(source - level))
    return level, ops.maximum(spread, ops.absolute(level) * 1e-4 + 1e-9)


def member_answer(ops: Any, member: Member, source: Any, last_time: Any, shape: Shape) -> Any:
    """[N, H] in the units of `source` (values or logarithms), kept within reach of the window."""
    if member.kind == "matrix":
        answer = ops.product(source, member.matrix)
    else:
        level, spread = norm_of(ops, source, shape)
        if member.kind == "trees":
            rows = tree_features(ops, source, level, spread, last_time, shape)
            answer = ops.trees(rows, member.boosted, len(member.feature_names), shape.horizon)
        else:
            answer = ops.network((source - level) / spread, member.layers)
        answer = answer * spread + ops.product(source, member.matrix)
    low, high = ops.smallest(source), ops.largest(source)
    reach = LOG_REACH if member.in_logs else (high - low) * RANGE_REACH
    return ops.minimum(ops.maximum(answer, low - reach), high + reach)


def tree_places(shape: Shape) -> np.ndarray:
    """Which values of the window each step ahead looks at: same phase, up to three seasons back; int [H, P]."""
    columns = []
    ahead = np.arange(shape.horizon)
    for season in shape.seasons:
        for cycle in (1, 2, 3):
            if season > 1 and season * cycle <= shape.window:
                columns.append(shape.window - season * cycle + ahead % season)
    for back in (1, 2, 3, 7):
        if back <= shape.window:
            columns.append(np.full(shape.horizon, shape.window - back))
    return np.stack(columns, axis=1)


def tree_means(shape: Shape) -> np.ndarray:
    """Means over the ends of the window, [L, M]."""
    lengths = {3, 7, 28, *(season for season in shape.seasons), *(2 * season for season in shape.seasons), shape.window}
    kept = sorted(one for one in lengths if 1 < one <= shape.window)
    matrix = np.zeros((shape.window, len(kept)))
    for place, length in enumerate(kept):
        matrix[-length:, place] = 1.0 / length
    return matrix


def tree_features(ops: Any, source: Any, level: Any, spread: Any, last_time: Any, shape: Shape) -> Any:
    """[N, H, F]: step ahead, values at the same phase, last values, means (all in units of spread), calendar."""
    places, means = tree_places(shape), tree_means(shape)
    ahead = np.arange(1.0, shape.horizon + 1)[None]  # [1, H]
    looked_at = (ops.take(source, places) - ops.add_axis(level)) / ops.add_axis(spread)  # [N, H, P]
    averages = (ops.product(source, means) - level) / spread  # [N, M]
    spread_out = ops.take(averages, np.tile(np.arange(means.shape[1]), (shape.horizon, 1)))  # [N, H, M]
    parts = [looked_at, spread_out]
    for one in timeline.calendar(ops, shape.frequency, last_time, ops.constant(ahead)):
        parts.append(ops.add_axis(one))
    parts.append(ops.add_axis(level * 0.0 + ops.constant(ahead)))
    return ops.nearest(ops.join(parts) * GRID) / GRID


def blend(ops: Any, members: list[tuple[float, Member]], filled: Any, last_time: Any, shape: Shape) -> Any:
    """The weighted forecasts of a window without missing values, [N, H]."""
    in_logs = logarithms(ops, filled) if any(member.in_logs for _, member in members) else None
    value = None
    for weight, member in members:
        answer = member_answer(ops, member, in_logs if member.in_logs else filled, last_time, shape)
        part = (ops.exp(answer) if member.in_logs else answer) * weight
        value = part if value is None else value + part
    assert value is not None
    return ops.maximum(value, 0.0) if shape.is_positive else value


def forward(
    ops: Any, members: list[tuple[float, Member]], bands: np.ndarray, window: Any, last_time: Any, shape: Shape
) -> tuple[Any, Any, Any]:
    """value, lower, upper [N, H]. `bands` [2, H]: distance of the interval's ends in units of `scale_of`."""
    filled = fill(ops, window, shape)
    value = blend(ops, members, filled, last_time, shape)
    scale = scale_of(ops, filled, shape)
    ends = [value, value + scale * bands[0:1], value + scale * bands[1:2]]
    if shape.is_positive:
        ends = [ops.maximum(one, 0.0) for one in ends]
    is_unknown = ops.isnan(ops.take(filled, np.array([shape.window - 1])))  # no value at all to start from
    value, lower, upper = (ops.where(is_unknown, np.nan, one) for one in ends)
    return value, lower, upper
