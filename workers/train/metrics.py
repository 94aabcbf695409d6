"""Numbers that say how good predictions are. Probabilities are [N, C], truths are class indices or values."""

import numpy as np

from contracts.jobs import LABEL_THRESHOLD_METRICS

HIGHER_IS_BETTER = {"log_loss": False, "rmse": False}
LABEL_METRICS = LABEL_THRESHOLD_METRICS  # of two classes, moved by the threshold
PRIMARY = {"classification": "log_loss", "regression": "rmse"}
ECE_BINS = 15


def classification(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    predicted = probabilities.argmax(axis=1)
    return {
        "log_loss": log_loss(truth, probabilities),
        "accuracy": float((predicted == truth).mean()),
        "auc": auc(truth, probabilities),
        "macro_f1": float(np.mean([row["f1"] for row in per_class(truth, predicted, probabilities.shape[1])])),
        "ece": ece(truth, probabilities),
    }


def regression(truth: np.ndarray, values: np.ndarray) -> dict[str, float]:
    truth = truth.astype(np.float64)
    error = truth - values.astype(np.float64)
    total = float(((truth - truth.mean()) ** 2).sum())
    return {
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
        "r2": 1.0 - float((error**2).sum()) / total if total > 0 else 0.0,
    }


def of_named(truth: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, float]:
    """The metrics of `classification` that look at the named class, not at its probability."""
    f1 = float(np.mean([row["f1"] for row in per_class(truth, predicted, classes)]))
    return {"accuracy": float((predicted == truth).mean()), "macro_f1": f1}


def of_labels(truth: np.ndarray, predicted: np.ndarray, metric: str) -> float:
    """One of LABEL_METRICS for two classes; f1 is that of the second class."""
    rows = per_class(truth, predicted, 2)
    if metric == "accuracy":
        return float((truth == predicted).mean())
    if metric == "balanced_accuracy":
        return float(np.mean([row["recall"] for row in rows]))
    return float(rows[1]["f1"]) if metric == "f1" else float(np.mean([row["f1"] for row in rows]))


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    clipped = np.clip(probabilities.astype(np.float64), 1e-7, 1.0)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(-np.log(clipped[np.arange(len(truth)), truth]).mean())


def auc(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the ROC curve; with more than two classes the mean of one against the rest."""
    classes = range(probabilities.shape[1]) if probabilities.shape[1] > 2 else (1,)
    areas = [_binary_auc(truth == one, probabilities[:, one]) for one in classes]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else 0.5


def _binary_auc(is_positive: np.ndarray, score: np.ndarray) -> float | None:
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    if positives == 0 or negatives == 0:
        return None
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2  # ties share their mean rank
    return float((mean_rank[place][is_positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def ece(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error of the most likely class."""
    return float(
        sum(
            abs(bin_["accuracy"] - bin_["confidence"]) * bin_["count"]
            for bin_ in calibration(truth, probabilities, ECE_BINS)
        )
        / max(1, len(truth))
    )


def calibration(truth: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> list[dict[str, float]]:
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == truth
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows = []
    for one in range(bins):
        inside = place == one
        if inside.any():
            rows.append(
                {
                    "confidence": float(confidence[inside].mean()),
                    "accuracy": float(is_right[inside].mean()),
                    "count": float(inside.sum()),
                }
            )
    return rows


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """[true][predicted] counts."""
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def per_class(truth: np.ndarray, predicted: np.ndarray, classes: int) -> list[dict[str, float]]:
    table = confusion(truth, predicted, classes).astype(np.float64)
    rows = []
    for one in range(classes):
        hit, support, named = table[one, one], table[one].sum(), table[:, one].sum()
        precision = hit / named if named else 0.0
        recall = hit / support if support else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        rows.append(
            {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": float(support)}
        )
    return rows
