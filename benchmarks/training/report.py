"""From single results to tables: per budget and kind of task, who is how good, how slow, how large, and the ranks."""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

from benchmarks.training.contenders import CONTENDERS, MODELYARD, TITLES
from benchmarks.training.results import Result
from benchmarks.training.sets import LOWER_IS_BETTER, BenchSet, better

KINDS = {
    "Tables": ("tabular_classification", "tabular_regression"),
    "Texts": ("text_classification",),
    "Images": ("image_classification",),
    "Recommendation": ("recommendation",),
    "Forecasting": ("forecasting",),
}
GRACE_SHARE, GRACE_S = 0.05, 3.0  # what Modelyard promises not to exceed beyond a budget
LATENCY_TARGET = 5.0  # times quicker than AutoGluon's own answer to one row
LATENCY_PEER = "autogluon"


@dataclass
class Line:
    """One contender on one set: medians over its seeds, or why it has none."""

    value: float | None
    rank: float
    used_s: float = 0.0
    wall_s: float = 0.0  # with the start of the process
    latency_ms: float = 0.0
    model_bytes: float = 0.0
    ece: float | None = None
    failure: str = ""
    over_budget: bool = False


@dataclass
class SetReport:
    bench_set: BenchSet
    lines: dict[str, Line] = field(default_factory=dict)

    @property
    def best_peer(self) -> str | None:
        """The peer with the best figure; None where none has any."""
        peers = {name: line.value for name, line in self.lines.items() if name != MODELYARD and line.value is not None}
        pick = min if self.bench_set.metric in LOWER_IS_BETTER else max
        return pick(peers, key=lambda name: peers[name]) if peers else None


@dataclass
class KindReport:
    """The sets of one kind of task at one budget. Ranks are among all contenders of the kind."""

    kind: str
    budget_s: float
    sets: list[SetReport]

    @property
    def contenders(self) -> list[str]:
        seen = {name for one in self.sets for name in one.lines}
        return [contender.name for contender in CONTENDERS if contender.name in seen]

    def average_rank(self, name: str) -> float:
        return statistics.mean(one.lines[name].rank for one in self.sets if name in one.lines)

    def of(self, name: str) -> list[Line]:
        """Its lines that have figures."""
        lines = [one.lines[name] for one in self.sets if name in one.lines]
        return [line for line in lines if line.value is not None]


def tell(results: list[Result], sets: list[BenchSet]) -> list[KindReport]:
    """Reports by budget, then by kind; sets that are not here any more are left out."""
    reports = []
    for budget_s in sorted({result.budget_s for result in results}):
        for kind, tasks in KINDS.items():
            found = [
                _set_report(one, [r for r in results if r.budget_s == budget_s and r.set == one.name])
                for one in sets
                if one.task in tasks
            ]
            if found := [one for one in found if one.lines]:
                reports.append(KindReport(kind, budget_s, found))
    return reports


def _set_report(bench_set: BenchSet, results: list[Result]) -> SetReport:
    by_contender: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_contender[result.contender].append(result)
    lines = {name: _line(bench_set, found) for name, found in by_contender.items()}
    for line in lines.values():
        line.rank = _rank(bench_set.metric, line, list(lines.values()))
    return SetReport(bench_set, lines)


def _line(bench_set: BenchSet, results: list[Result]) -> Line:
    good = [result for result in results if bench_set.metric in result.figures]
    if not good:
        return Line(None, 0, failure=results[0].failure or f"no {bench_set.metric} in its predictions")
    used_s = max(result.facts["used_s"] for result in good)
    eces = [result.figures["ece"] for result in good if "ece" in result.figures]
    return Line(
        statistics.median(result.figures[bench_set.metric] for result in good),
        rank=0,
        used_s=used_s,
        wall_s=max(result.facts["wall_s"] for result in good),
        latency_ms=statistics.median(result.facts["latency_ms"] for result in good),
        model_bytes=statistics.median(result.facts["model_bytes"] for result in good),
        ece=statistics.median(eces) if eces else None,
        over_budget=used_s > good[0].budget_s * (1 + GRACE_SHARE) + GRACE_S,
    )


def _rank(metric: str, line: Line, lines: list[Line]) -> float:
    """1 is best; equals share the mean of their places; without a figure one is last."""
    if line.value is None:
        return len(lines)
    values = [one.value for one in lines if one.value is not None]
    ahead = sum(better(metric, value, line.value) for value in values)
    return ahead + (1 + values.count(line.value)) / 2


def quality_table(one: KindReport) -> list[list[str]]:
    """A row per set: what was known before, then each contender; the last row has the average ranks."""
    rows = [["set", "metric", "floor", "peer", "target", *[TITLES[name] for name in one.contenders]]]
    for report in one.sets:
        known = report.bench_set.known
        cells = [
            _figure(report.lines[name].value, known.peer) if name in report.lines else "" for name in one.contenders
        ]
        best = min((line.rank for line in report.lines.values() if line.value is not None), default=0)
        for place, name in enumerate(one.contenders):
            if name in report.lines and report.lines[name].rank == best and report.lines[name].value is not None:
                cells[place] = f"**{cells[place]}**"
        before = [_figure(value, known.peer) for value in (known.floor, known.peer, known.target)]
        rows.append([report.bench_set.name, report.bench_set.metric, *before, *cells])
    rows.append(["average rank", "", "", "", "", *[f"{one.average_rank(name):.2f}" for name in one.contenders]])
    return rows


def cost_table(one: KindReport) -> list[list[str]]:
    """A row per contender: time, latency, size and calibration, as medians over the sets."""
    rows = [["contender", "longest s", "with start, s", "over budget", "one row, ms", "model, MB", "ECE"]]
    for name in one.contenders:
        lines = one.of(name)
        if not lines:
            continue
        eces = [line.ece for line in lines if line.ece is not None]
        rows.append(
            [
                TITLES[name],
                f"{max(line.used_s for line in lines):.1f}",
                f"{max(line.wall_s for line in lines):.1f}",
                f"{sum(line.over_budget for line in lines)} of {len(lines)}",
                f"{statistics.median(line.latency_ms for line in lines):.2f}",
                f"{statistics.median(line.model_bytes for line in lines) / 1e6:.2f}",
                f"{statistics.median(eces):.3f}" if eces else "",
            ]
        )
    return rows


def target_table(reports: list[KindReport]) -> list[list[str]]:
    """A row per set and budget: Modelyard beside the best peer, calibration, and latency beside AutoGluon."""
    rows = [
        ["set", "budget", "metric", "Modelyard", "best peer", "ahead by", "ECE, best peer's", "latency, AutoGluon's"]
    ]
    for one in reports:
        for report in one.sets:
            own, best = report.lines.get(MODELYARD), report.best_peer
            if own is None or own.value is None or best is None:
                continue
            rows.append(
                [report.bench_set.name, f"{one.budget_s:.0f} s", report.bench_set.metric, *_beside(report, own, best)]
            )
    return rows


def _beside(report: SetReport, own: Line, best: str) -> list[str]:
    peer = report.lines[best].value
    assert own.value is not None
    assert peer is not None
    sign = 1 if better(report.bench_set.metric, own.value, peer) else -1
    ahead = sign * abs(own.value - peer) / max(abs(peer), 1e-9)
    eces = [line.ece for name, line in report.lines.items() if name != MODELYARD and line.ece is not None]
    calibration = f"{own.ece:.3f}, {min(eces):.3f}" if own.ece is not None and eces else ""
    rival = report.lines.get(LATENCY_PEER)
    latency = ""
    if rival is not None and rival.value is not None:
        times = rival.latency_ms / max(own.latency_ms, 1e-6)
        latency = f"{own.latency_ms:.2f} ms, {times:.0f}× {'quicker' if times >= LATENCY_TARGET else '(too few)'}"
    return [_figure(own.value, peer), f"{_figure(peer, peer)} ({TITLES[best]})", f"{ahead:+.1%}", calibration, latency]


def failures(reports: list[KindReport]) -> list[str]:
    return [
        f"{TITLES[name]} on {report.bench_set.name} at {one.budget_s:.0f} s: {line.failure.splitlines()[-1][:200]}"
        for one in reports
        for report in one.sets
        for name, line in report.lines.items()
        if line.failure
    ]


def text(reports: list[KindReport]) -> str:
    """Everything for a terminal."""
    parts = []
    for one in reports:
        parts.append(
            f"== {one.kind}, {one.budget_s:.0f} s\n{_columns(quality_table(one))}\n\n{_columns(cost_table(one))}"
        )
    if len(rows := target_table(reports)) > 1:
        parts.append(f"== Modelyard beside the best peer\n{_columns(rows)}")
    parts += [f"failed: {line}" for line in failures(reports)]
    return "\n\n".join(parts)


def _columns(rows: list[list[str]]) -> str:
    """Left-aligned columns; many contenders are turned so that each is a line."""
    if len(rows[0]) > 8:
        rows = [list(column) for column in zip(*rows, strict=True)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _figure(value: float | None, like: float | None) -> str:
    """Three to five digits, as the set's size of number asks for."""
    if value is None:
        return "–"
    size = abs(like if like is not None else value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if size >= 10 else f"{value:.4f}"
