"""Says once, on the last stretch of every series, how good the kept forecast is, beside the best naive one."""

from typing import Any

import numpy as np

from contracts.manifests import EvaluationReport
from workers.train import backtest, coverage, linear_forecasts, timeline
from workers.train.evaluation import rounded
from workers.train.forecast_families import Stretch
from workers.train.forecast_model import Data, Fitted, shown_time
from workers.train.splits import Parts

SERIES_SHOWN = 200  # in the table
EXAMPLES_SHOWN = 12  # as charts
HISTORY_SHOWN = 96  # values before the forecast in a chart


def evaluate(data: Data, fitted: Fitted, parts: Parts) -> tuple[EvaluationReport, np.ndarray]:
    """The report, and the bands of the exported model: the test stretch's errors widen or narrow them too."""
    scale = backtest.scales(data.table.series, [one.test for one in data.cuts], data.shape.season)
    test = Stretch.of(data, parts.test, scale)
    valid = Stretch.of(data, parts.valid, np.ones(len(data.table.series)))
    before = fitted.answer(valid.windows, valid.last_times, is_measured=True)[0]
    ends = fitted.answer(test.windows, test.last_times, is_measured=True)
    report = backtest.scores(test.truth, ends, test.scale, data.interval)
    naive = _naive(data, test)
    season, baseline = min(naive.items(), key=lambda one: one[1]["mase"])
    by_step = backtest.per_step(test.truth, ends, test.scale)
    details = {
        "frequency": data.shape.frequency.words,
        "season": data.shape.season,
        "seasons": list(data.shape.seasons),
        "horizon": data.shape.horizon,
        "window": data.shape.window,
        "interval": data.interval,
        "baseline_season": season,
        "series": len(data.table.series),
        "time_column": data.table.time_column,
        "series_columns": data.table.key_columns,
        "per_step": by_step,
        "coverage": coverage.achieved(_errors(valid, before), _errors(test, ends[0]), data.interval),
        "per_series": _per_series(data, test, ends),
        "examples": _examples(data, fitted, test, ends),
    }
    told = EvaluationReport(
        metrics=rounded(report),
        baseline=rounded(baseline),
        primary_metric="mase",
        higher_is_better=False,
        rows=int(np.isfinite(test.truth).sum()),
        forecast=details,
    )
    truth, value = np.concatenate([valid.truth, test.truth]), np.concatenate([before, ends[0]])
    return told, _bands(fitted, truth, value, np.concatenate([valid.window_scale, test.window_scale]), data.interval)


def _errors(stretch: Stretch, value: np.ndarray) -> coverage.Errors:
    return coverage.Errors(stretch.truth, value, stretch.window_scale, stretch.last_times[:, 0])


def _bands(fitted: Fitted, truth: np.ndarray, value: np.ndarray, scale: np.ndarray, interval: float) -> np.ndarray:
    seen = backtest.conformal_bands(truth, value, scale, interval)
    return np.stack([np.minimum(seen[0], fitted.bands[0]), np.maximum(seen[1], fitted.bands[1])])


def _naive(data: Data, test: Stretch) -> dict[int, dict[str, float]]:
    """Every naive forecast measured on the test stretch; the best of them is the baseline, chosen with hindsight."""
    shape, found = data.shape, {}
    for season in dict.fromkeys((*shape.seasons, 1)):
        value = test.filled @ linear_forecasts.seasonal_naive(shape.window, shape.horizon, season)
        found[season] = {
            name: score
            for name, score in backtest.scores(test.truth, (value, value, value), test.scale, data.interval).items()
            if name in ("mase", "smape", "mae", "rmse")
        }
    return found


def _per_series(data: Data, test: Stretch, ends: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list[dict[str, Any]]:
    """The worst first."""
    rows: list[dict[str, Any]] = []
    for place, one in enumerate(data.table.series):
        mine = slice(place, place + 1)
        if not np.isfinite(test.truth[mine]).any():
            continue
        found = backtest.scores(test.truth[mine], tuple(e[mine] for e in ends), test.scale[mine], data.interval)  # type: ignore[arg-type]
        kept = {name: float(f"{found[name]:.6g}") for name in ("mase", "smape", "mae", "interval_coverage")}
        rows.append({"series": one.name, **kept, "steps": len(one.values)})
    return sorted(rows, key=lambda row: -row["mase"])[:SERIES_SHOWN]


def _examples(
    data: Data, fitted: Fitted, test: Stretch, ends: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> list[dict[str, Any]]:
    """What a chart needs: history, what came, what had been forecast, and the exported model's view of what is next."""
    count = len(data.table.series)
    chosen = np.unique(np.linspace(0, count - 1, min(count, EXAMPLES_SHOWN)).astype(int))
    _, windows, times = fitted.stored()
    ahead = fitted.answer(windows[chosen].astype(np.float64), times[chosen, None])
    out = []
    for place, number in enumerate(chosen):
        one, limits = data.table.series[number], data.cuts[number]
        reach = max(HISTORY_SHOWN, 2 * data.shape.season)
        past = one.values[max(0, limits.test - min(reach, 2 * HISTORY_SHOWN)) : limits.test]
        known = limits.end - limits.test
        after = timeline.times_ahead(data.shape.frequency, one.last_time, data.shape.horizon)
        out.append(
            {
                "series": one.name,
                "last_time": shown_time(data.shape, one.last_time),
                "times_ahead": [shown_time(data.shape, float(moment)) for moment in after],
                "history": _numbers(past),
                "actual": _numbers(test.truth[number, :known]),
                "forecast": {n: _numbers(e[number, :known]) for n, e in zip(_ENDS, ends, strict=True)},
                "ahead": {n: _numbers(e[place]) for n, e in zip(_ENDS, ahead, strict=True)},
            }
        )
    return out


_ENDS = ("value", "lower", "upper")


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(f"{one:.6g}") if np.isfinite(one) else None for one in values]
