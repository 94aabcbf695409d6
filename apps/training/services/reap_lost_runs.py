"""Take runs from trainers whose lease ran out: back to the queue, cancelled if that was asked, or given up as ours."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now

from apps.ledger.services.release_hold import release_hold
from apps.outbox.services.send import send
from apps.training import rules
from apps.training.hints import hint_run_changed
from apps.training.lease import database_now, from_now
from apps.training.models import Attempt, Run
from apps.training.services.charge_run import credit_run
from contracts.jobs import RUN_ACTIVE_STATES

_BATCH = 100


@transaction.atomic
def reap_lost_runs() -> int:
    """Return how many runs were taken. Two reapers at once share the work; neither waits for the other."""
    lost = list(
        Run.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("pool")
        .filter(state__in=RUN_ACTIVE_STATES, lease_until__lt=Now())
        .order_by("lease_until")[:_BATCH]
    )
    for run in lost:
        _take(run)
    return len(lost)


def _take(run: Run) -> None:
    now = database_now()
    Attempt.objects.filter(run=run, fence=run.fence).update(
        outcome="lost", failure_code="ours:worker-lost", ended_at=now
    )
    state, backoff_s = rules.after_loss(run.attempt)
    if run.cancel_requested_at is not None:
        state = "cancelled"
    shown: dict[str, Any] = {
        "stage": "",
        "eta_seconds": None,
        "compute_seconds": 0.0,
        "cost_micros": 0,
        "lease_until": None,
        "node": None,
    }
    if state == "queued":
        Run.objects.filter(id=run.id).update(state=state, not_before=from_now(backoff_s), **shown)
        wake_up = {"run": run.id, "pool": run.pool.name}
        send("wake-trainer", wake_up, dedupe_key=f"wake-trainer:{run.id}:{run.fence}")
    elif state == "failed":
        _end(run, state, now, shown | {"error_code": "ours:worker-lost", "error_detail": _GIVEN_UP})
        credit_run(run, _lost_units(run), "ours:worker-lost")
    else:
        _end(run, state, now, shown)
        release_hold(run.id)
    hint_run_changed(run.id)


def _end(run: Run, state: str, now: datetime, shown: dict[str, Any]) -> None:
    Run.objects.filter(id=run.id).update(state=state, finished_at=now, **shown)


def _lost_units(run: Run) -> int:
    """The seconds of all lost attempts, as their last heartbeats told them: what the credit gives back."""
    seconds = Attempt.objects.filter(run=run).aggregate(total=Sum("compute_seconds"))["total"] or 0.0
    return rules.charged_units(
        seconds, wall_seconds=seconds, unit_price_micros=run.unit_price_micros, cap_micros=run.max_cost_micros
    )


_GIVEN_UP = "The machine was lost three times. What it used is credited in full."
