"""Take in a trainer's heartbeat: renew the lease, show the progress, answer cancel or stop."""

from typing import Any

from django.db import transaction
from django.db.models import Sum

from apps.training import rules
from apps.training.hints import hint_run_changed
from apps.training.lease import lease_end
from apps.training.models import Attempt, Run, RunLogLine
from apps.training.services.hold_fence import hold_fence
from apps.training.services.upsert_candidates import upsert_candidates
from contracts.jobs import LEASE_S, HeartbeatAnswer, RunHeartbeat


@transaction.atomic
def record_heartbeat(attempt: Attempt, beat: RunHeartbeat) -> HeartbeatAnswer:
    """Renew the lease; take in what is new. A repeated or late sequence renews the lease and adds nothing."""
    run = hold_fence(attempt, beat.fence)
    changes: dict[str, Any] = {"lease_until": lease_end()}
    if beat.sequence > run.heartbeat_sequence:
        changes |= _news(attempt, run, beat)
        upsert_candidates(run, beat.candidates)
        _keep_log(run, beat.log)
    Run.objects.filter(id=run.id).update(**changes)
    hint_run_changed(run.id)
    return HeartbeatAnswer(
        cancel=run.cancel_requested_at is not None,
        stop_and_keep_best=rules.is_cap_nearly_reached(
            beat.compute_seconds, run.unit_price_micros, run.max_cost_micros
        ),
        lease_seconds=LEASE_S,
    )


def _news(attempt: Attempt, run: Run, beat: RunHeartbeat) -> dict[str, Any]:
    compute_seconds = max(0.0, beat.compute_seconds)
    Attempt.objects.filter(id=attempt.id).update(compute_seconds=compute_seconds, energy_wh=max(0.0, beat.energy_wh))
    energy = Attempt.objects.filter(run=run).aggregate(total=Sum("energy_wh"))["total"]
    units = rules.charged_units(
        compute_seconds,
        wall_seconds=compute_seconds,
        unit_price_micros=run.unit_price_micros,
        cap_micros=run.max_cost_micros,
    )
    news: dict[str, Any] = {
        "heartbeat_sequence": beat.sequence,
        "state": rules.shown_state(run.state, beat.state),
        "progress": min(1.0, max(0.0, beat.progress)),
        "stage": rules.printable(beat.stage)[:80],
        "eta_seconds": beat.eta_seconds,
        "compute_seconds": compute_seconds,
        "energy_wh": energy,
        "energy_source": rules.printable(beat.energy_source)[:20],
        "cost_micros": units * run.unit_price_micros,
    }
    points = [kept for point in beat.curve if (kept := rules.finite(point))]
    if points:
        news["curve"] = rules.thinned([*run.curve, *points])
    return news


def _keep_log(run: Run, lines: list[str]) -> None:
    """Keep the newest lines of a beat, up to the run's limit; the last line kept says that more were left out."""
    room = rules.LOG_LINES_MAX - RunLogLine.objects.filter(run=run).count() if lines else 0
    kept = [rules.printable(str(line)) for line in lines[-rules.LOG_LINES_PER_BEAT_MAX :]][: max(0, room)]
    if kept and len(kept) == room:
        kept[-1] = f"The log ends here: {rules.LOG_LINES_MAX} lines are kept of a run."
    RunLogLine.objects.bulk_create([RunLogLine(run=run, text=line) for line in kept])
