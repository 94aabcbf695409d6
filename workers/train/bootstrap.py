"""How sure a metric is: the same test rows drawn again and again with replacement, a fixed number of times.

Every metric is written with a weight per row, so that a draw is one vector of counts and nothing is sorted twice.
More than ROWS_MOST rows are thinned first and the spread is scaled back by the square root of the share.
The calibration error has no interval: drawing rows again makes it look larger than it is.
"""

from collections.abc import Callable

import numpy as np

from workers.train import seeds

DRAWS_MOST, DRAWS_LEAST = 400, 60
ROWS_MOST = 10_000
WORK_MOST = 8_000_000  # rows × classes × draws: about half a second
AUC_CLASSES_MOST = 20
F1_CLASSES_MOST = 100

Metric = Callable[[np.ndarray], float]  # weights [N] -> value
Drawn = dict[str, np.ndarray]  # values of each metric over the draws


def intervals(judge: Callable[[np.ndarray], dict[str, Metric]], rows: int, seed: int, work: int = 1) -> Drawn:
    """`judge`: the metrics of some row positions; `work`: the cost of one row of one draw (number of classes)."""
    kept = min(rows, ROWS_MOST)
    draws = int(np.clip(WORK_MOST // max(1, kept * work), DRAWS_LEAST, DRAWS_MOST))
    random = seeds.generator(seed, "bootstrap")
    chosen = np.sort(random.permutation(rows)[:kept])
    metrics, found = judge(chosen), {}
    every = [np.bincount(random.integers(0, kept, kept), minlength=kept).astype(float) for _ in range(draws)]
    for name, metric in metrics.items():
        found[name] = np.array([metric(weights) for weights in every])
    if kept < rows:
        whole, once = judge(np.arange(rows)), np.ones(kept)
        for name, values in found.items():
            spread = (values - metrics[name](once)) * np.sqrt(kept / rows)
            found[name] = whole[name](np.ones(rows)) + spread
    return found


def ends(values: np.ndarray) -> list[float]:
    """The middle 95 % of the draws that have a value."""
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (0.0, 0.0)
    return [float(f"{low:.6g}"), float(f"{high:.6g}")]


def of_classes(truth: np.ndarray, answer: np.ndarray, predicted: np.ndarray, floor: np.ndarray) -> dict[str, Metric]:
    """Metrics of probabilities [N, C]; `gain` is the log loss that the baseline's probabilities have more."""
    count = answer.shape[1]
    cost, floor_cost = _log_losses(truth, answer), _log_losses(truth, floor)
    pairs, is_right = truth * count + predicted, (predicted == truth).astype(np.float64)

    def macro_f1(weights: np.ndarray) -> float:
        table = np.bincount(pairs, weights=weights, minlength=count * count).reshape(count, count)
        total = table.sum(axis=0) + table.sum(axis=1)
        return float(np.mean(2 * np.diag(table) / np.where(total > 0, total, 1.0)))

    found: dict[str, Metric] = {
        "log_loss": lambda weights: float(weights @ cost / weights.sum()),
        "accuracy": lambda weights: float(weights @ is_right / weights.sum()),
        "gain": lambda weights: float(weights @ (floor_cost - cost) / weights.sum()),
    }
    if count <= F1_CLASSES_MOST:
        found["macro_f1"] = macro_f1
    if count <= AUC_CLASSES_MOST:
        asked = range(count) if count > 2 else (1,)
        areas = [_area(truth == one, answer[:, one]) for one in asked]
        found["auc"] = lambda weights: _mean_known([area(weights) for area in areas])
    return found


def _mean_known(values: list[float]) -> float:
    known = [one for one in values if one == one]
    return sum(known) / len(known) if known else float("nan")


def _log_losses(truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    clipped = np.clip(answer.astype(np.float64), 1e-7, 1.0)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return np.asarray(-np.log(clipped[np.arange(len(truth)), truth]))


def _area(is_positive: np.ndarray, score: np.ndarray) -> Metric:
    """ROC area with weights; equal scores count half. A draw without one of the two sides is no number."""
    values, place = np.unique(score, return_inverse=True)

    def area(weights: np.ndarray) -> float:
        ups = np.bincount(place, weights=weights * is_positive, minlength=len(values))
        downs = np.bincount(place, weights=weights * ~is_positive, minlength=len(values))
        whole = ups.sum() * downs.sum()
        return float(ups @ (np.cumsum(downs) - downs / 2) / whole) if whole else float("nan")

    return area


def of_values(truth: np.ndarray, answer: np.ndarray, guess: float) -> dict[str, Metric]:
    """Metrics of values [N]; `gain` is the root mean squared error that `guess` has more."""
    error, off = (truth - answer) ** 2, (truth - guess) ** 2

    def r2(weights: np.ndarray) -> float:
        mean = weights @ truth / weights.sum()
        total = weights @ (truth - mean) ** 2
        return float(1 - weights @ error / total) if total > 0 else 0.0

    return {
        "rmse": lambda weights: float(np.sqrt(weights @ error / weights.sum())),
        "mae": lambda weights: float(weights @ np.abs(truth - answer) / weights.sum()),
        "r2": r2,
        "gain": lambda weights: float(
            np.sqrt(weights @ off / weights.sum()) - np.sqrt(weights @ error / weights.sum())
        ),
    }
