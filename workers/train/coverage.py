"""How often the truth lies inside the prediction interval, against how often it should: back-tested, and measured once.

Back-testing: the validation origins are cut by time into blocks; the interval learned from the errors of the other
blocks is tried on each. Origins near a cut share values with their neighbours, so this flatters a little; the last
stretch, which nothing was learned from, does not.
"""

from dataclasses import dataclass

import numpy as np

from workers.train.backtest import conformal_bands

LEVELS = (0.5, 0.8, 0.9, 0.95)
BLOCKS = 4


@dataclass(frozen=True)
class Errors:
    """Of origins in the order of time: truth, value [M, H]; scale [M, 1] of the window; when [M]."""

    truth: np.ndarray
    value: np.ndarray
    scale: np.ndarray
    when: np.ndarray

    def take(self, rows: np.ndarray) -> "Errors":
        return Errors(self.truth[rows], self.value[rows], self.scale[rows], self.when[rows])


def achieved(valid: Errors, test: Errors, interval: float) -> list[dict[str, float]]:
    """[{"nominal", "backtest", "test", "backtest_values", "test_values"}], the asked interval among the usual levels;
    no "backtest" where there are too few origins to leave some out."""
    rows = []
    for level in sorted({*LEVELS, interval}):
        inside, known = _inside(test, _bands(valid, level))
        row = {"nominal": level, "test": round(inside / max(1, known), 4), "test_values": known}
        inside, known = _left_out(valid, level)
        if known:
            row |= {"backtest": round(inside / known, 4), "backtest_values": known}
        rows.append(row)
    return rows


def _left_out(valid: Errors, level: float) -> tuple[int, int]:
    moments = np.unique(valid.when)
    if len(moments) < 2:
        return 0, 0
    inside = known = 0
    for block in np.array_split(moments, min(BLOCKS, len(moments))):
        is_mine = np.isin(valid.when, block)
        mine, others = valid.take(np.flatnonzero(is_mine)), valid.take(np.flatnonzero(~is_mine))
        found = _inside(mine, _bands(others, level))
        inside, known = inside + found[0], known + found[1]
    return inside, known


def _bands(errors: Errors, level: float) -> np.ndarray:
    return conformal_bands(errors.truth, errors.value, errors.scale, level)


def _inside(errors: Errors, bands: np.ndarray) -> tuple[int, int]:
    lower, upper = errors.value + errors.scale * bands[:1], errors.value + errors.scale * bands[1:]
    is_known = np.isfinite(errors.truth)
    is_inside = (errors.truth >= lower) & (errors.truth <= upper)
    return int(is_inside[is_known].sum()), int(is_known.sum())
