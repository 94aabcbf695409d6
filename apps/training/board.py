"""The candidate board and the curves of a run, put in the order in which people compare them."""

from dataclasses import dataclass, field
from typing import Any

from apps.training.models import Candidate, Run
from contracts.jobs import FAMILIES

# the metric that chooses the winner (lower is better), the one that people read first
_RANKING = (("mase", "mase"), ("log_loss", "accuracy"), ("rmse", "rmse"), ("ndcg@10", "ndcg@10"), ("mrr", "mrr"))
_HIGHER_IS_BETTER = ("ndcg@10", "mrr")
AXES = ("p95_ms", "size_bytes")
_METRICS_SHOWN = 3
_NOT_SERIES = ("step", "family", "seconds", "epoch")


@dataclass
class Board:
    rows: list[Candidate]
    metrics: list[str]  # columns, the one that people read first
    headline: str = ""
    points: list[dict[str, Any]] = field(default_factory=list)  # quality against speed and size
    energy_source: str = ""
    curves: list[dict[str, Any]] = field(default_factory=list)  # {"title", "fits", "series": {name: [(step, value)]}}


def board_of(run: Run) -> Board:
    rows = list(run.candidates.order_by("position", "id"))
    scored = [row.metrics for row in rows if row.metrics]
    ranking, headline = next(
        (pair for pair in _RANKING if scored and all(name in metrics for metrics in scored for name in pair)), ("", "")
    )
    names = list(dict.fromkeys([headline, ranking, *(name for metrics in scored for name in metrics)]))
    sign = -1 if ranking in _HIGHER_IS_BETTER else 1
    rows.sort(key=lambda row: (sign * row.metrics.get(ranking, sign * float("inf")), row.position))
    board = Board(rows, [name for name in names if name][:_METRICS_SHOWN], headline)
    board.points = [
        _point(number, row, headline)
        for number, row in enumerate(rows, start=1)
        if headline in row.metrics and row.latency_ms is not None
    ]
    for axis in AXES:
        _mark_frontier(board.points, axis, higher_is_better=headline in (*_HIGHER_IS_BETTER, "accuracy"))
    board.energy_source = next((row.energy_source for row in rows if row.energy_source), "")
    board.curves = _curves(run)
    return board


def _point(number: int, row: Candidate, headline: str) -> dict[str, Any]:
    name = f"{row.variant_of}, {row.family}" if row.variant_of else row.family
    return {
        "number": number,
        "name": name.replace("_", " "),
        "p95_ms": row.p95_ms or row.latency_ms,
        "size_bytes": row.size_bytes or 0,
        "score": row.metrics[headline],
        "is_best": row.is_best,
        "is_variant": bool(row.variant_of),
        "frontier": [],
    }


def _mark_frontier(points: list[dict[str, Any]], axis: str, *, higher_is_better: bool) -> None:
    """Pareto: no other candidate is at least as cheap and as good, and better in one of them."""
    sign = 1 if higher_is_better else -1
    for one in points:
        is_beaten = any(
            other[axis] <= one[axis]
            and sign * other["score"] >= sign * one["score"]
            and (other[axis], other["score"]) != (one[axis], one["score"])
            for other in points
        )
        if not is_beaten:
            one["frontier"].append(axis)


def _curves(run: Run) -> list[dict[str, Any]]:
    """One chart per family, of its latest fit; the points name theirs by its place among the run's families."""
    families = list(run.families) or list(FAMILIES.get(run.task, ()))
    charts: dict[int, dict[str, list[tuple[float, float]]]] = {}
    fits: dict[int, int] = {}
    for point in run.curve:
        index, step = int(point.get("family", 0)), point.get("step", 0)
        series = charts.setdefault(index, {})
        # steps count from the start again in each fit
        if any(line[-1][0] >= step for name, line in series.items() if name in point):
            series.clear()
            fits[index] = fits.get(index, 1) + 1
        for name, value in point.items():
            if name not in _NOT_SERIES and value is not None:
                series.setdefault(name, []).append((step, value))
    return [
        {
            "title": families[index] if index < len(families) else f"family {index}",
            "fits": fits.get(index, 1),
            "series": series,
        }
        for index, series in sorted(charts.items())
        if any(len(line) > 1 for line in series.values())
    ]
