"""Scores a file of predictions against the held-out truth: the same figures for everybody.

Classification  columns prediction, p_<class> …       accuracy, log_loss, auc (two classes), ece, macro_f1
Regression      column prediction                     rmse, mae, r2, rmsle
Recommendation  columns user_id, item_id, rank        ndcg@10, hr@10, mrr@10
Forecasting     columns prediction [, lower, upper]   mase, mae, rmse, coverage
"""

import itertools
import math
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

from benchmarks.training.sets import BenchSet, read_rows

ECE_BINS = 15
TOP = 10
LEAST_PROBABILITY = 1e-7


def score(bench_set: BenchSet, predictions: Path) -> dict[str, float]:
    """Every figure of the set's task. Raises ValueError where the predictions do not fit the test rows."""
    truth, told = read_rows(bench_set.folder / "test.csv"), read_rows(predictions)
    if bench_set.task == "recommendation":
        return _ranking(truth, told)
    if len(truth) != len(told):
        raise ValueError(f"{len(told)} predictions for {len(truth)} test rows")
    wanted = [row[bench_set.target] for row in truth]
    if bench_set.task.endswith("classification"):
        return _classification(wanted, told)
    values, guessed = np.array(wanted, float), np.array([row["prediction"] for row in told], float)
    if not np.isfinite(guessed).all():
        raise ValueError("a prediction is no finite number")
    if bench_set.task == "forecasting":
        before = np.array([row[bench_set.target] for row in read_rows(bench_set.train_file)], float)
        return _forecast(values, guessed, before, bench_set.season) | _coverage(values, told)
    return _regression(values, guessed)


def _classification(truth: list[str], told: list[dict[str, str]]) -> dict[str, float]:
    named = [row["prediction"] for row in told]
    figures = {
        "accuracy": float(np.mean([a == b for a, b in zip(truth, named, strict=True)])),
        "macro_f1": float(f1_score(truth, named, average="macro")),
    }
    classes = [name.removeprefix("p_") for name in told[0] if name.startswith("p_")]
    if not classes:
        return figures
    shares = np.array([[row[f"p_{name}"] for name in classes] for row in told], float).clip(LEAST_PROBABILITY, 1)
    shares /= shares.sum(axis=1, keepdims=True)
    place = {name: number for number, name in enumerate(classes)}
    of_truth = [shares[row, place[name]] if name in place else LEAST_PROBABILITY for row, name in enumerate(truth)]
    figures["log_loss"] = float(-np.log(of_truth).mean())
    right = np.array([classes[best] == name for best, name in zip(shares.argmax(axis=1), truth, strict=True)])
    figures["ece"] = expected_calibration_error(shares.max(axis=1), right)
    if len(classes) == 2 and len(set(truth)) == 2:
        rare = min(sorted(set(truth)), key=truth.count)
        figures["auc"] = float(roc_auc_score([name == rare for name in truth], shares[:, place[rare]]))
    return figures


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Mean distance between confidence and accuracy over bins of equal width, weighed by their rows."""
    edges = np.linspace(0, 1, ECE_BINS + 1)
    error = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(error)


def _regression(truth: np.ndarray, guessed: np.ndarray) -> dict[str, float]:
    off = truth - guessed
    figures = {
        "rmse": float(np.sqrt((off**2).mean())),
        "mae": float(np.abs(off).mean()),
        "r2": float(1 - (off**2).sum() / ((truth - truth.mean()) ** 2).sum()),
    }
    if (truth > 0).all():
        figures["rmsle"] = float(np.sqrt(((np.log1p(guessed.clip(0)) - np.log1p(truth)) ** 2).mean()))
    return figures


def _ranking(truth: list[dict[str, str]], told: list[dict[str, str]]) -> dict[str, float]:
    """One item per user was held out; where it stands among the first ten is all that counts."""
    wanted = {row["user_id"]: row["item_id"] for row in truth}
    ranks: dict[str, int] = {}
    for row in told:
        rank = int(row["rank"])
        if rank <= TOP and wanted.get(row["user_id"]) == row["item_id"]:
            ranks[row["user_id"]] = min(rank, ranks.get(row["user_id"], rank))
    return {
        "ndcg@10": sum(1 / math.log2(rank + 1) for rank in ranks.values()) / len(wanted),
        "hr@10": len(ranks) / len(wanted),
        "mrr@10": sum(1 / rank for rank in ranks.values()) / len(wanted),
    }


def _forecast(truth: np.ndarray, guessed: np.ndarray, before: np.ndarray, season: int) -> dict[str, float]:
    off = np.abs(truth - guessed)
    scale = np.abs(before[season:] - before[:-season]).mean()
    return {"mase": float(off.mean() / scale), "mae": float(off.mean()), "rmse": float(np.sqrt((off**2).mean()))}


def _coverage(truth: np.ndarray, told: list[dict[str, str]]) -> dict[str, float]:
    if "lower" not in told[0]:
        return {}
    low, high = (np.array([row[side] for row in told], float) for side in ("lower", "upper"))
    return {"coverage": float(((truth >= low) & (truth <= high)).mean())}
