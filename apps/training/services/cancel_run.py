"""Cancel a run: at once while it waits; while it runs, its trainer is asked to stop and charged until then."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.ledger.services.release_hold import release_hold
from apps.training.hints import hint_run_changed
from apps.training.models import Run
from contracts.jobs import RUN_FINAL_STATES
from contracts.problems import Problem


@transaction.atomic
def cancel_run(run: Run, *, by: User | ApiKey | str) -> Run:
    """Return the run as it is now. Asking again changes nothing; a run that ended otherwise cannot be cancelled."""
    run = Run.objects.select_for_update().select_related("organisation").get(id=run.id)
    if run.state == "cancelled" or run.cancel_requested_at is not None:
        return run
    if run.state in RUN_FINAL_STATES:
        raise Problem("yours:state", f"The run has {run.state}; there is nothing to cancel.")
    run.cancel_requested_at = timezone.now()
    if run.state in ("draft", "queued"):
        run.state = "cancelled"
        run.finished_at = run.cancel_requested_at
        release_hold(run.id)
    run.save(update_fields=["state", "cancel_requested_at", "finished_at"])
    record_audit(run.organisation, actor=by, action="run.cancel", subject=run.id, details={"state": run.state})
    hint_run_changed(run.id)
    return run
