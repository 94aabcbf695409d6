"""What other thresholds would do: ROC and precision-recall curves, and the four counts at many thresholds."""

from typing import Any

import numpy as np

CLASSES_MOST = 20
POINTS_MOST = 80
THRESHOLD_STEPS = 100
THRESHOLD_QUANTILES = 60


def curves(truth: np.ndarray, answer: np.ndarray, classes: list[str]) -> list[dict[str, Any]]:
    """One entry per class against the rest; two classes have one, of the second. None above CLASSES_MOST."""
    if len(classes) > CLASSES_MOST:
        return []
    asked = range(len(classes)) if len(classes) > 2 else (1,)
    found = [_curve(truth == one, answer[:, one], classes[one]) for one in asked]
    return [one for one in found if one]


def _curve(is_positive: np.ndarray, score: np.ndarray, label: str) -> dict[str, Any]:
    """Empty where the test rows hold only one of the two sides."""
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    if not positives or not negatives:
        return {}
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(is_positive[order])
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # equal scores are one step
    tp, named = hits[ends], ends + 1
    recall, precision, false = tp / positives, tp / named, (named - tp) / negatives
    area = float(np.trapezoid(np.append(0.0, recall), np.append(0.0, false)))
    kept = _thinned(len(ends))
    return {
        "label": label,
        "rows": positives,
        "auc": round(area, 6),
        "average_precision": round(float((np.diff(np.append(0.0, recall)) * precision).sum()), 6),
        "roc": [[0.0, 0.0], *_pairs(false[kept], recall[kept])],
        "pr": _pairs(recall[kept], precision[kept]),
    }


def _thinned(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, POINTS_MOST)).round().astype(int))


def _pairs(across: np.ndarray, up: np.ndarray) -> list[list[float]]:
    return [[round(float(x), 4), round(float(y), 4)] for x, y in zip(across, up, strict=True)]


def thresholds(truth: np.ndarray, answer: np.ndarray) -> list[dict[str, float]]:
    """Two classes: counts when the second is named from a probability on; even steps and the scores' own quantiles."""
    if answer.ndim != 2 or answer.shape[1] != 2:
        return []
    score, is_positive = answer[:, 1], truth == 1
    even = np.linspace(0.0, 1.0, THRESHOLD_STEPS + 1)
    own = np.quantile(score, np.linspace(0.0, 1.0, THRESHOLD_QUANTILES))
    rows = []
    for one in np.unique(np.round(np.concatenate([even, own]), 4)):
        named = score >= one
        tp = int((named & is_positive).sum())
        fp, fn = int(named.sum()) - tp, int(is_positive.sum()) - tp
        rows.append(
            {"threshold": float(one), "tp": tp, "fp": fp, "fn": fn, "tn": len(truth) - tp - fp - fn},
        )
    return rows
