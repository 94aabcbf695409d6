"""How good forecasts were: MASE, WQL and friends over rolling origins, and intervals from the errors made there.

MASE: Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006: errors in units of the mean seasonal
step of the training stretch. WQL: pinball losses of the interval's ends and the middle over the sum of the values.
"""

from typing import Any

import numpy as np

from workers.train.series import Series

LEAST_SCALE = 1e-9
SMOOTHING_STEPS = 2  # the size of errors per step is averaged with its neighbours: few origins make it jump


def scales(series: list[Series], ends: list[int], season: int) -> np.ndarray:
    """[S]: mean absolute step from season to season in the first `ends` values; the mean of the others where zero."""
    out = np.zeros(len(series))
    for number, (one, end) in enumerate(zip(series, ends, strict=True)):
        values = one.values[:end].astype(np.float64)
        lag = season if len(values) > season else 1
        steps = np.abs(values[lag:] - values[:-lag])
        out[number] = np.nanmean(steps) if np.isfinite(steps).any() else 0.0
    usual = out[out > LEAST_SCALE].mean() if (out > LEAST_SCALE).any() else 1.0
    return np.where(out > LEAST_SCALE, out, usual)


def mase(truth: np.ndarray, value: np.ndarray, scale: np.ndarray) -> float:
    """Mean over everything known. truth, value [M, H]; scale [M]."""
    return float(np.nanmean(np.abs(truth - value) / scale[:, None]))


def pinball(truth: np.ndarray, quantile: np.ndarray, level: float) -> float:
    error = truth - quantile
    return float(np.nanmean(np.maximum(level * error, (level - 1) * error)))


def scores(
    truth: np.ndarray, ends: tuple[np.ndarray, np.ndarray, np.ndarray], scale: np.ndarray, interval: float
) -> dict[str, float]:
    """Every metric. `ends`: value, lower, upper [M, H]."""
    value, lower, upper = ends
    known = np.isfinite(truth)
    error = np.abs(truth - value)[known]
    size = (np.abs(truth) + np.abs(value))[known]
    low, high = (1 - interval) / 2, (1 + interval) / 2
    losses = [pinball(truth, q, level) for q, level in ((lower, low), (value, 0.5), (upper, high))]
    return {
        "mase": mase(truth, value, scale),
        "smape": float(np.mean(np.where(size > 0, 2 * error / np.maximum(size, 1e-12), 0.0)) * 100),
        "mae": float(error.mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "wql": float(2 * np.mean(losses) / max(np.abs(truth[known]).mean(), LEAST_SCALE)),
        "interval_coverage": float(((truth >= lower) & (truth <= upper))[known].mean()),
        "interval_width": float((upper - lower)[known].mean()),
    }


def conformal_bands(truth: np.ndarray, value: np.ndarray, scale: np.ndarray, interval: float) -> np.ndarray:
    """[2, H]: lower and upper distance in units of `scale` [M, 1] such that `interval` of the errors seen lie between.

    1. errors in units of the window's scale 2. their size per step ahead, smoothed, never shrinking with distance
    3. quantiles of the errors in units of that size, over all steps, with the conformal correction for few errors
    """
    errors = (truth - value) / scale
    horizon = truth.shape[1]
    count = np.isfinite(errors).sum(axis=0)
    total = np.nansum(np.abs(errors), axis=0)
    size = np.empty(horizon)
    for step in range(horizon):
        near = slice(max(0, step - SMOOTHING_STEPS), step + SMOOTHING_STEPS + 1)
        size[step] = total[near].sum() / count[near].sum() if count[near].sum() else np.nan
    known = np.isfinite(size)
    size = np.interp(np.arange(horizon), np.flatnonzero(known), size[known]) if known.any() else np.ones(horizon)
    size = np.maximum(np.maximum.accumulate(size), 1e-6)
    relative = np.sort((errors / size)[np.isfinite(errors)])
    if len(relative) == 0:
        return np.stack([-size, size])
    tail = (1 - interval) / 2
    origins = max(1, int(np.isfinite(errors).any(axis=1).sum()))
    share = min(1.0, (1 - tail) * (1 + 1 / origins))
    high = max(0.0, float(np.quantile(relative, share)))
    low = min(0.0, float(np.quantile(relative, 1 - share)))
    return np.stack([low * size, high * size])


def per_step(
    truth: np.ndarray, ends: tuple[np.ndarray, np.ndarray, np.ndarray], scale: np.ndarray
) -> list[dict[str, Any]]:
    value, lower, upper = ends
    rows = []
    for step in range(truth.shape[1]):
        known = np.isfinite(truth[:, step])
        if not known.any():
            continue
        seen = (truth[known, step], value[known, step], lower[known, step], upper[known, step])
        error = np.abs(seen[0] - seen[1])
        rows.append(
            {
                "step": step + 1,
                "mase": round(float((error / scale[known]).mean()), 6),
                "mae": float(f"{error.mean():.6g}"),
                "coverage": round(float(((seen[0] >= seen[2]) & (seen[0] <= seen[3])).mean()), 4),
                "width": float(f"{(seen[3] - seen[2]).mean():.6g}"),
            }
        )
    return rows
