"""A run as the public API and the event stream show it."""

from datetime import datetime
from typing import Any

from apps.training.models import Candidate, Run, RunLogLine
from apps.training.queries import Place
from contracts.failures import FAILURES


def shown_run(run: Run, place: Place | None) -> dict[str, Any]:
    """The whole run. Fetch it with `pool`, `model_version` and candidates prefetched to keep lists quick."""
    version = getattr(run, "model_version", None)  # the registry's table points here; nothing is imported from it
    return {
        "id": run.id,
        "object": "run",
        "name": run.name,
        "dataset_version": run.dataset_version_id,
        "task": run.task,
        "target": run.target,
        "families": run.families,
        "options": run.options,
        "seed": run.seed,
        "pool": run.pool.name,
        "budget_seconds": run.budget_seconds,
        "max_cost_micros": run.max_cost_micros,
        "price_micros_per_second": run.unit_price_micros,
        "currency": run.organisation.currency,
        "state": run.state,
        "cancel_requested": run.cancel_requested_at is not None,
        "attempt": run.attempt,
        "progress": run.progress,
        "stage": run.stage,
        "eta_seconds": run.eta_seconds,
        "queue": {"position": place.position, "reason": place.reason} if place else None,
        "candidates": [shown_candidate(candidate) for candidate in run.candidates.all()],
        "curve": run.curve,
        "metrics": run.metrics,
        "baseline": run.baseline,
        "compute_seconds": run.compute_seconds,
        "cost_micros": run.cost_micros,
        "energy_wh": run.energy_wh,
        "energy_source": run.energy_source,
        "error": _shown_error(run),
        "model_version": version.id if version else None,
        "created_at": shown_time(run.created_at),
        "started_at": shown_time(run.started_at),
        "finished_at": shown_time(run.finished_at),
    }


def shown_candidate(candidate: Candidate) -> dict[str, Any]:
    """One line of the candidate board."""
    return {
        "family": candidate.family,
        "state": candidate.state,
        "metrics": candidate.metrics,
        "fit_seconds": candidate.fit_seconds,
        "latency_ms": candidate.latency_ms,
        "size_bytes": candidate.size_bytes,
        "is_best": candidate.is_best,
        "note": candidate.note,
        "p95_ms": candidate.p95_ms,
        "joules_per_1000": candidate.joules_per_1000,
        "energy_source": candidate.energy_source,
        "variant_of": candidate.variant_of,
        "loss": candidate.loss,
    }


def shown_log_line(line: RunLogLine) -> dict[str, Any]:
    return {"id": line.id, "at": shown_time(line.at), "text": line.text}


def _shown_error(run: Run) -> dict[str, str] | None:
    if not run.error_code:
        return None
    failure = FAILURES[run.error_code]
    return {"code": failure.code, "title": failure.title, "detail": run.error_detail or failure.fix, "fix": failure.fix}


def shown_time(at: datetime | None) -> str | None:
    """ISO 8601 with a Z: all times are UTC."""
    return at.isoformat().replace("+00:00", "Z") if at else None
