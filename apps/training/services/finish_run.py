"""End a run as its trainer reports: state, charge, release of the hold, all in the caller's transaction."""

from collections.abc import Collection
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction

from apps.training import rules
from apps.training.hints import hint_run_changed
from apps.training.lease import database_now
from apps.training.models import Attempt, Run, RunFile
from apps.training.services.charge_run import charge_run, credit_run
from apps.training.services.upsert_candidates import upsert_candidates
from apps.webhooks.services.emit import emit
from contracts.failures import FAILURES
from contracts.jobs import RunReport


def finish_run(run: Run, attempt: Attempt, report: RunReport, *, keep_files: Collection[str] = ()) -> Run:
    """`run` is locked and held by `attempt` (hold_fence). Charges once, closes the hold once, drops all other files."""
    now = database_now()
    outcome, code, detail = _ending(run, report)
    upsert_candidates(run, report.candidates)
    wall_seconds = (now - attempt.started_at).total_seconds()
    units = rules.charged_units(
        report.compute_seconds,
        wall_seconds=wall_seconds,
        unit_price_micros=run.unit_price_micros,
        cap_micros=run.max_cost_micros,
    )
    if rules.is_charged(outcome, code):
        run.cost_micros = charge_run(run, units)
    else:
        credit_run(run, units, code)
        run.cost_micros = 0
    attempt.compute_seconds = max(0.0, report.compute_seconds)
    attempt.energy_wh = max(attempt.energy_wh, report.energy_wh)
    attempt.outcome, attempt.failure_code, attempt.ended_at = outcome, code, now
    attempt.charged_micros = run.cost_micros
    attempt.save(
        update_fields=["compute_seconds", "energy_wh", "outcome", "failure_code", "ended_at", "charged_micros"]
    )
    run.state, run.error_code, run.error_detail = outcome, code, rules.printable(detail)
    run.compute_seconds = attempt.compute_seconds
    run.energy_wh = sum(run.attempts.values_list("energy_wh", flat=True))
    run.energy_source = report.energy_source[:20] or run.energy_source
    run.metrics, run.baseline = rules.finite(report.metrics), rules.finite(report.baseline)
    run.progress = 1.0 if outcome == "succeeded" else run.progress
    run.stage, run.eta_seconds, run.lease_until, run.finished_at = "", None, None, now
    run.checkpoint_key = run.checkpoint_sha256 = ""
    run.save()
    _drop_files(run, attempt, keep_files)
    hint_run_changed(run.id)
    emit(
        run.organisation,
        "run.finished",
        {"run": run.id, "name": run.name, "state": outcome, "error": code or None, "cost_micros": run.cost_micros},
        dedupe_key=f"run:{run.id}",
    )
    return run


def _ending(run: Run, report: RunReport) -> tuple[str, str, str]:
    """Outcome, failure code and detail; what a trainer may not say becomes a crash of ours."""
    if report.outcome == "succeeded":
        return "succeeded", "", ""
    if report.outcome == "cancelled" and run.cancel_requested_at is not None:
        return "cancelled", "", ""
    if report.outcome == "failed" and report.failure_code in FAILURES:
        return "failed", report.failure_code, report.failure_detail
    said = report.failure_code or report.outcome
    return "failed", "ours:training-crashed", report.failure_detail or f"The trainer ended with {said!r}."


def _drop_files(run: Run, attempt: Attempt, keep: Collection[str]) -> None:
    """Checkpoints and files of lost attempts have no reader any more."""
    leftovers = RunFile.objects.filter(run=run).exclude(fence=attempt.fence, name__in=keep)
    for key in leftovers.values_list("storage_key", flat=True):
        transaction.on_commit(partial(default_storage.delete, key), robust=True)
    leftovers.delete()
