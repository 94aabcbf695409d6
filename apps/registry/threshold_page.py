"""The threshold picker of two classes: what each does to the test rows, and what its errors cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.manifests import EvaluationReport

_COST_MOST = 1_000_000_000.0


@dataclass(frozen=True)
class Point:
    threshold: float
    precision: float | None  # None: nothing is named
    recall: float | None
    false_alarms: int
    missed: int
    cost: float  # of the errors among the test rows, in the unit of the costs
    cost_per_1000: float


@dataclass(frozen=True)
class Picker:
    positive: str
    negative: str
    false_alarm_cost: float
    missed_cost: float
    chosen: Point
    best: Point
    now: Point
    lines: dict[str, list[tuple[float, float]]]  # precision and recall
    costs: dict[str, list[tuple[float, float]]]
    objection: str = ""

    @property
    def may_set(self) -> bool:
        return 0 < self.chosen.threshold < 1


def picker_of(report: EvaluationReport, wishes: Mapping[str, str]) -> Picker | None:
    """`wishes`: `false_alarm_cost`, `missed_cost` and `threshold` as typed; None where the report has no thresholds."""
    if len(report.classes) != 2 or not report.thresholds:
        return None
    read = {name: _number(wishes.get(name, ""), most) for name, most in _FIELDS.items()}
    wrong = [name for name in _FIELDS if wishes.get(name) and read[name] is None]
    costs = [1.0 if (value := read[name]) is None else value for name in ("false_alarm_cost", "missed_cost")]
    points = [_point(row, *costs) for row in report.thresholds]
    best = min(points, key=lambda point: (point.cost, abs(point.threshold - 0.5)))
    wanted = best.threshold if read["threshold"] is None else read["threshold"]
    return Picker(
        positive=report.classes[1],
        negative=report.classes[0],
        false_alarm_cost=costs[0],
        missed_cost=costs[1],
        chosen=_nearest(points, wanted),
        best=best,
        now=_nearest(points, report.threshold),
        lines={
            "precision": [(p.threshold, p.precision) for p in points if p.precision is not None],
            "recall": [(p.threshold, p.recall) for p in points if p.recall is not None],
        },
        costs={"cost": [(point.threshold, point.cost_per_1000) for point in points]},
        objection="Costs are numbers from 0 on, a threshold lies between 0 and 1." if wrong else "",
    )


_FIELDS = {"false_alarm_cost": _COST_MOST, "missed_cost": _COST_MOST, "threshold": 1.0}


def _number(text: str, most: float) -> float | None:
    try:
        value = float(str(text).replace(",", "."))
    except ValueError:
        return None
    return value if 0 <= value <= most else None


def _nearest(points: list[Point], threshold: float) -> Point:
    return min(points, key=lambda point: abs(point.threshold - threshold))


def _point(row: Mapping[str, Any], false_alarm_cost: float, missed_cost: float) -> Point:
    tp, fp, fn, tn = (int(row[name]) for name in ("tp", "fp", "fn", "tn"))
    cost = fp * false_alarm_cost + fn * missed_cost
    return Point(
        threshold=float(row["threshold"]),
        precision=tp / (tp + fp) if tp + fp else None,
        recall=tp / (tp + fn) if tp + fn else None,
        false_alarms=fp,
        missed=fn,
        cost=cost,
        cost_per_1000=1000 * cost / max(1, tp + fp + fn + tn),
    )
