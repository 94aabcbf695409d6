"""Classical forecasts: the same as a season ago, exponential smoothing, and a seasonal ARIMA chosen by its AIC."""

import itertools
import warnings
from typing import Any

import numpy as np
import pandas as pd
from bench_job import Job, Model, run, size_of
from scipy import stats
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.statespace.sarimax import SARIMAX

SHARE = 0.8  # of the truth that an interval should hold
Z = float(stats.norm.ppf(0.5 + SHARE / 2))
RECENT_SEASONS = 100  # an ARIMA sees at most this many seasons: its cost grows with the length


def fit(job: Job) -> Model:
    values = job.train()[job.target].to_numpy(float)
    forecast, fitted = CONTENDERS[job.contender](values, job)
    return Model(forecast, forecast, lambda: size_of(fitted), ("statsmodels",))


def _seasonal_naive(values: np.ndarray, job: Job) -> tuple[Any, Any]:
    last = values[-job.season :]
    error = float(np.std(values[job.season :] - values[: -job.season]))

    def forecast() -> pd.DataFrame:
        ahead = np.resize(last, job.horizon)
        wide = Z * error * np.sqrt(np.arange(job.horizon) // job.season + 1)
        return pd.DataFrame({"prediction": ahead, "lower": ahead - wide, "upper": ahead + wide})

    return forecast, last


def _ets(values: np.ndarray, job: Job) -> tuple[Any, Any]:
    """Every form that the series allows, the best by AICc."""
    forms = itertools.product(("add", "mul"), (None, "add"), (False, True), ("add", "mul"))
    best: Any = None
    for error, trend, damped, seasonal in forms:
        if (damped and not trend) or ((values <= 0).any() and "mul" in (error, seasonal)) or (best and job.left_s < 0):
            continue
        model = ETSModel(
            pd.Series(values),
            error=error,
            trend=trend,
            damped_trend=damped,
            seasonal=seasonal,
            seasonal_periods=job.season,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = model.fit(disp=False)
        if np.isfinite(fitted.aicc) and (best is None or fitted.aicc < best.aicc):
            best = fitted

    def forecast() -> pd.DataFrame:
        found = best.get_prediction(
            start=len(values), end=len(values) + job.horizon - 1, rng=np.random.default_rng(job.seed)
        )
        table = found.summary_frame(alpha=1 - SHARE)
        return pd.DataFrame(
            {"prediction": table["mean"], "lower": table["pi_lower"], "upper": table["pi_upper"]}
        ).reset_index(drop=True)

    return forecast, best.params


def _arima(values: np.ndarray, job: Job) -> tuple[Any, Any]:
    """Orders tried from simple to rich while time is left, on logarithms where the series is positive."""
    is_positive = bool((values > 0).all())
    seen = (np.log(values) if is_positive else values)[-RECENT_SEASONS * job.season :]
    orders = sorted(itertools.product((0, 1, 2), (0, 1), (0, 1, 2), (0, 1), (0, 1)), key=sum)
    best: Any = None
    longest_s = 0.0
    for p, d, q, seasonal_p, seasonal_q in orders:
        if best is not None and job.left_s < 1.5 * longest_s:
            break
        before_s = job.left_s
        model = SARIMAX(seen, order=(p, d, q), seasonal_order=(seasonal_p, 1, seasonal_q, job.season))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = model.fit(disp=False, maxiter=50)
        longest_s = max(longest_s, before_s - job.left_s)
        if np.isfinite(fitted.aic) and (best is None or fitted.aic < best.aic):
            best = fitted
    back = np.exp if is_positive else np.asarray

    def forecast() -> pd.DataFrame:
        found = best.get_forecast(job.horizon)
        low, high = found.conf_int(alpha=1 - SHARE).T
        return pd.DataFrame({"prediction": back(found.predicted_mean), "lower": back(low), "upper": back(high)})

    return forecast, best.params


CONTENDERS = {"seasonal-naive": _seasonal_naive, "ets": _ets, "arima": _arima}

if __name__ == "__main__":
    run(fit)
