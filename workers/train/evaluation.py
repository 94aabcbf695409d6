"""Says once, on the held-out test rows, how good the kept model is, beside the simplest guess anyone could make."""

import dataclasses
from typing import Any

import numpy as np

from contracts.manifests import EvaluationReport
from workers.train import metrics, seeds
from workers.train.splits import Parts

EXAMPLES_MOST = 200
RESIDUAL_BINS = 30
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def evaluate(
    truth: np.ndarray,
    answer: np.ndarray,
    fitted_truth: np.ndarray,
    classes: list[str],
    importance: list[dict[str, Any]],
    examples: list[dict[str, Any]],
    threshold: float = 0.5,
) -> EvaluationReport:
    """`answer`: probabilities [N, C] or values [N] for the test rows; `fitted_truth`: labels the model learned from."""
    if classes:
        share = np.bincount(fitted_truth, minlength=len(classes)) / len(fitted_truth)
        scores, baseline = (metrics.classification(truth, one) for one in (answer, np.tile(share, (len(truth), 1))))
        predicted = named(answer, threshold)
        scores |= metrics.of_named(truth, predicted, len(classes))
        rows = metrics.per_class(truth, predicted, len(classes))
        extra: dict[str, Any] = {
            "classes": classes,
            "threshold": threshold,
            "confusion": metrics.confusion(truth, predicted, len(classes)).tolist(),
            "per_class": [{"label": label, **row} for label, row in zip(classes, rows, strict=True)],
            "calibration": metrics.calibration(truth, answer),
        }
    else:
        guess = np.full(len(truth), float(fitted_truth.mean()))
        scores, baseline = (metrics.regression(truth, one) for one in (answer, guess))
        extra = {"residuals": _residuals(truth - answer)}
    primary = metrics.PRIMARY["classification" if classes else "regression"]
    return EvaluationReport(
        metrics=rounded(scores),
        baseline=rounded(baseline),
        primary_metric=primary,
        higher_is_better=metrics.HIGHER_IS_BETTER.get(primary, True),
        rows=len(truth),
        importance=importance,
        examples=examples,
        **extra,
    )


def of_labels(data: Any, fitted: Any, parts: Parts, seed: int) -> EvaluationReport:
    """Evaluate a classifier or regressor on its test rows; importance comes later, when time is left."""
    truth, answer = data.truth[parts.test], fitted.predict(parts.test)
    picked = pick_examples(truth, answer, seed)
    threshold = getattr(fitted, "threshold", 0.5)
    examples = [example(fitted.example(parts.test[i]), truth[i], answer[i], data.classes, threshold) for i in picked]
    report = evaluate(truth, answer, data.truth[parts.fitted], data.classes, [], examples, threshold)
    return dataclasses.replace(report, method=getattr(fitted, "method", ""))


def named(answer: np.ndarray, threshold: float) -> np.ndarray:
    """Class index per row: the likeliest, or for two classes the second from the threshold on."""
    if answer.shape[1] == 2 and threshold != 0.5:
        return (answer[:, 1].astype(np.float32) >= np.float32(threshold)).astype(np.int64)
    return np.asarray(answer.argmax(axis=1))


def rounded(scores: dict[str, float]) -> dict[str, float]:
    """Nine significant digits: enough to see that two runs are the same, short enough to read."""
    return {name: float(f"{value:.9g}") for name, value in scores.items()}


def _residuals(error: np.ndarray) -> dict[str, Any]:
    counts, edges = np.histogram(error, bins=RESIDUAL_BINS)
    quantiles = {f"p{round(q * 100):02d}": float(np.quantile(error, q)) for q in QUANTILES}
    return {"bins": [float(f"{edge:.6g}") for edge in edges], "counts": counts.tolist(), "quantiles": quantiles}


def pick_examples(truth: np.ndarray, answer: np.ndarray, seed: int) -> np.ndarray:
    """Positions of up to 200 test rows: half the worst mistakes, half drawn at random."""
    is_classifier = answer.ndim == 2
    badness = 1.0 - answer[np.arange(len(truth)), truth] if is_classifier else np.abs(truth - answer)
    worst = np.argsort(-badness, kind="stable")[: EXAMPLES_MOST // 2]
    others = np.setdiff1d(np.arange(len(truth)), worst)
    drawn = seeds.generator(seed, "examples").permutation(others)[: EXAMPLES_MOST - len(worst)]
    return np.concatenate([worst, np.sort(drawn)])


def example(
    base: dict[str, Any], truth: Any, answer: Any, classes: list[str], threshold: float = 0.5
) -> dict[str, Any]:
    """One row of the examples table; `base` says which row it is and what it held."""
    if classes:
        best = int(named(np.asarray(answer)[None], threshold)[0])
        return {
            **base,
            "true": classes[int(truth)],
            "predicted": classes[best],
            "confidence": round(float(answer[best]), 6),
        }
    return {**base, "true": float(truth), "predicted": round(float(answer), 6)}
