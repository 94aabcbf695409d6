"""Keep the candidate board of a run as its trainer last reported it."""

from collections.abc import Sequence

from apps.training import rules
from apps.training.models import Candidate, Run
from contracts.jobs import CandidateReport

_BOARD_MAX = 40
_CHANGING = [
    *("position", "state", "metrics", "fit_seconds", "latency_ms", "p95_ms", "size_bytes", "is_best", "note"),
    *("joules_per_1000", "energy_source", "variant_of", "loss"),
]


def upsert_candidates(run: Run, reports: Sequence[CandidateReport]) -> None:
    """Insert or update one row per family, in the order of the report."""
    rows = {
        report.family[:40]: Candidate(
            run=run,
            family=rules.printable(report.family)[:40],
            position=position,
            state=rules.printable(report.state)[:10],
            metrics=rules.finite(report.metrics),
            fit_seconds=report.fit_seconds,
            latency_ms=report.latency_ms,
            size_bytes=report.size_bytes,
            is_best=report.is_best,
            note=rules.printable(report.note)[:300],
            p95_ms=report.p95_ms,
            joules_per_1000=report.joules_per_1000,
            energy_source=rules.printable(report.energy_source)[:20],
            variant_of=rules.printable(report.variant_of)[:40],
            loss=rules.kept_loss(report.loss),
        )
        for position, report in enumerate(reports[:_BOARD_MAX])
    }
    Candidate.objects.bulk_create(
        rows.values(), update_conflicts=True, unique_fields=["run", "family"], update_fields=_CHANGING
    )
