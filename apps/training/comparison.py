"""Two runs side by side: what was asked, what came out, and the difference where there is one."""

from dataclasses import dataclass
from typing import Any

from apps.training.models import Run

_LOWER_IS_BETTER = ("log_loss", "rmse", "mae", "mase", "smape", "wql", "ece", "brier", "mape")
_HIGHER_IS_BETTER = ("accuracy", "auc", "macro_f1", "r2", "ndcg@10", "hr@10", "recall@20", "mrr")


@dataclass(frozen=True)
class Line:
    name: str
    a: Any
    b: Any
    difference: float | None = None
    verdict: str = ""  # better | worse | "": b against a

    @property
    def differs(self) -> bool:
        return bool(self.a != self.b)


def settings_of(a: Run, b: Run) -> list[Line]:
    """What was asked for; lines that differ first."""
    lines = [Line(name, one, two) for (name, one), (_, two) in zip(_settings(a), _settings(b), strict=True)]
    return sorted(lines, key=lambda line: not line.differs)


def _settings(run: Run) -> list[tuple[str, Any]]:
    version = run.dataset_version
    return [
        ("Data", f"{version.dataset.name} version {version.number}"),
        ("Rows", version.rows),
        ("Task", run.task.replace("_", " ")),
        ("Target", run.target),
        ("Families", ", ".join(run.families) or "all"),
        ("Options", ", ".join(f"{name} {value}" for name, value in run.options.items()) or "none"),
        ("Hardware", run.pool.title),
        ("Seconds at most", run.budget_seconds),
        ("Seed", run.seed),
    ]


def metrics_of(a: Run, b: Run) -> list[Line]:
    """Held-out metrics of both."""
    return [_metric(name, a.metrics.get(name), b.metrics.get(name)) for name in dict.fromkeys([*a.metrics, *b.metrics])]


def _metric(name: str, one: float | None, two: float | None) -> Line:
    if one is None or two is None:
        return Line(name, one, two)
    gap = two - one
    verdict = ""
    if gap and name in (*_LOWER_IS_BETTER, *_HIGHER_IS_BETTER):
        verdict = "better" if (gap > 0) == (name in _HIGHER_IS_BETTER) else "worse"
    return Line(name, one, two, gap, verdict)


def families_of(a: Run, b: Run, metric: str) -> list[Line]:
    """Each family's score on the rows kept aside for choosing."""
    first, second = ({one.family: one.metrics.get(metric) for one in run.candidates.all()} for run in (a, b))
    return [_metric(name, first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])]
