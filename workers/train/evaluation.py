"""Says once, on the held-out test rows, how good the kept model is, beside the simplest guess anyone could make."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from contracts.manifests import EvaluationReport
from workers.train import bootstrap, curves, duplicates, label_errors, metrics, seeds, slicing
from workers.train.splits import Parts
from workers.train.tabular_model import Data

EXAMPLES_MOST = 200
CELL_ROWS = 12  # rows kept behind each cell of the confusion matrix, where it has as many
CELLS_MORE_MOST = 400
RESIDUAL_BINS = 30
POINTS_MOST = 300
UNSEEN_MOST = 1_000
UNSEEN_CELLS_MOST = 20_000
Judge = Callable[[np.ndarray], dict[str, bootstrap.Metric]]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def evaluate(
    truth: np.ndarray,
    answer: np.ndarray,
    fitted_truth: np.ndarray,
    classes: list[str],
    importance: list[dict[str, Any]],
    examples: list[dict[str, Any]],
    threshold: float = 0.5,
    seed: int = 0,
) -> EvaluationReport:
    """`answer`: probabilities [N, C] or values [N] for the test rows; `fitted_truth`: labels the model learned from."""
    if classes:
        share = np.bincount(fitted_truth, minlength=len(classes)) / len(fitted_truth)
        floor = np.tile(share, (len(truth), 1))
        scores, baseline = (metrics.classification(truth, one) for one in (answer, floor))
        predicted = named(answer, threshold)
        scores |= metrics.of_named(truth, predicted, len(classes))
        each = metrics.per_class(truth, predicted, len(classes))
        extra: dict[str, Any] = {
            "classes": classes,
            "threshold": threshold,
            "confusion": metrics.confusion(truth, predicted, len(classes)).tolist(),
            "per_class": [{"label": label, **row} for label, row in zip(classes, each, strict=True)],
            "calibration": metrics.calibration(truth, answer),
            "curves": curves.curves(truth, answer, classes),
            "thresholds": curves.thresholds(truth, answer),
        }

        def judge(rows: np.ndarray) -> dict[str, bootstrap.Metric]:
            return bootstrap.of_classes(truth[rows], answer[rows], predicted[rows], floor[rows])
    else:
        mean = float(fitted_truth.mean())
        scores, baseline = (metrics.regression(truth, one) for one in (answer, np.full(len(truth), mean)))
        extra = {"residuals": _residuals(truth, answer, seed)}

        def judge(rows: np.ndarray) -> dict[str, bootstrap.Metric]:
            return bootstrap.of_values(truth[rows], answer[rows], mean)

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
        **_certainty(judge, len(truth), seed, max(1, len(classes))),
    )


def _certainty(judge: Judge, rows: int, seed: int, work: int) -> dict[str, Any]:
    """`intervals` of the metrics, and how sure it is that the baseline is beaten."""
    drawn = bootstrap.intervals(judge, rows, seed, work)
    gains = drawn.pop("gain")
    low, high = bootstrap.ends(gains)
    gain = {"value": judge(np.arange(rows))["gain"](np.ones(rows)), "low": low, "high": high}
    return {
        "intervals": {name: bootstrap.ends(values) for name, values in drawn.items() if np.isfinite(values).any()},
        "gain": rounded(gain) | {"certainty": round(float((gains > 0).mean()), 4)},
    }


def of_labels(data: Any, fitted: Any, parts: Parts, seed: int) -> EvaluationReport:
    """Evaluate a classifier or regressor on its test rows; importance comes later, when time is left."""
    truth, answer = data.truth[parts.test], fitted.predict(parts.test)
    threshold = getattr(fitted, "threshold", 0.5)
    picked = pick_examples(truth, answer, seed, threshold)
    examples = [example(fitted.example(parts.test[i]), truth[i], answer[i], data.classes, threshold) for i in picked]
    report = evaluate(truth, answer, data.truth[parts.fitted], data.classes, [], examples, threshold, seed)
    extra: dict[str, Any] = {"warnings": duplicates.warnings(data, parts), "method": getattr(fitted, "method", "")}
    if isinstance(data, Data):
        cost = (named(answer, threshold) != truth).astype(np.float64) if data.classes else np.abs(truth - answer)
        extra["slices"] = slicing.slices(data, parts.test, cost)
    rows, held = _held_out(fitted, parts, answer)
    extra["unseen"] = _unseen(data, rows, held)
    if data.classes:
        extra["label_errors"] = label_errors.shown(fitted, rows, data.truth[rows], held, data.classes)
        extra["label_errors_checked"] = len(rows)
    return dataclasses.replace(report, **extra)


def _held_out(fitted: Any, parts: Parts, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and the answers of fits that never saw them: the test rows, and out-of-fold ones where a recipe has them."""
    known: tuple[np.ndarray, np.ndarray] | None = getattr(fitted, "out_of_fold", None)
    if known is None:
        return parts.test, answer
    others = ~np.isin(known[0], parts.test)
    return np.concatenate([parts.test, known[0][others]]), np.concatenate([answer, known[1][others]])


def _unseen(data: Any, rows: np.ndarray, answer: np.ndarray) -> dict[str, list[Any]]:
    """The last rows of the dataset among those that were answered unseen: what was added since the version before."""
    width = answer.shape[1] if answer.ndim == 2 else 1
    newest = np.argsort(rows, kind="stable")[::-1][: min(UNSEEN_MOST, UNSEEN_CELLS_MOST // width)]
    chosen, numbers = rows[newest], getattr(data, "rows", None)
    truth = [data.classes[place] for place in data.truth[chosen]] if data.classes else data.truth[chosen].tolist()
    said = [[float(f"{p:.5g}") for p in row] for row in answer[newest].reshape(len(newest), width).tolist()]
    return {
        "rows": (chosen if numbers is None else numbers[chosen]).tolist(),
        "truth": truth,
        "answers": said if data.classes else [row[0] for row in said],
    }


def named(answer: np.ndarray, threshold: float) -> np.ndarray:
    """Class index per row: the likeliest, or for two classes the second from the threshold on."""
    if answer.shape[1] == 2 and threshold != 0.5:
        return (answer[:, 1].astype(np.float32) >= np.float32(threshold)).astype(np.int64)
    return np.asarray(answer.argmax(axis=1))


def rounded(scores: dict[str, float]) -> dict[str, float]:
    """Nine significant digits: enough to see that two runs are the same, short enough to read."""
    return {name: float(f"{value:.9g}") for name, value in scores.items()}


def _residuals(truth: np.ndarray, answer: np.ndarray, seed: int) -> dict[str, Any]:
    error = truth - answer
    counts, edges = np.histogram(error, bins=RESIDUAL_BINS)
    quantiles = {f"p{round(q * 100):02d}": float(np.quantile(error, q)) for q in QUANTILES}
    drawn = seeds.generator(seed, "residuals").permutation(len(truth))[:POINTS_MOST]
    points = [[float(f"{answer[i]:.6g}"), float(f"{truth[i]:.6g}")] for i in np.sort(drawn)]
    bins = [float(f"{edge:.6g}") for edge in edges]
    return {"bins": bins, "counts": counts.tolist(), "quantiles": quantiles, "points": points}


def pick_examples(truth: np.ndarray, answer: np.ndarray, seed: int, threshold: float = 0.5) -> np.ndarray:
    """Positions of test rows: half the worst mistakes, half drawn at random, and some of every confusion cell."""
    is_classifier = answer.ndim == 2
    badness = 1.0 - answer[np.arange(len(truth)), truth] if is_classifier else np.abs(truth - answer)
    order = np.argsort(-badness, kind="stable")
    worst = order[: EXAMPLES_MOST // 2]
    others = np.setdiff1d(np.arange(len(truth)), worst)
    drawn = seeds.generator(seed, "examples").permutation(others)[: EXAMPLES_MOST - len(worst)]
    picked = np.concatenate([worst, np.sort(drawn)])
    if not is_classifier:
        return picked
    cells = truth * answer.shape[1] + named(answer, threshold)
    counts = np.bincount(cells[picked], minlength=answer.shape[1] ** 2)
    more: list[int] = []
    for place in np.setdiff1d(order, picked, assume_unique=True):
        if counts[cells[place]] < CELL_ROWS and len(more) < CELLS_MORE_MOST:
            counts[cells[place]] += 1
            more.append(place)
    return np.concatenate([picked, np.array(more, dtype=picked.dtype)])


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
