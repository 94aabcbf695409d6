"""Stop a batch: at once while it waits, by its worker while it runs."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.endpoints.models import Batch
from apps.ledger.services.release_hold import release_hold
from contracts.problems import Problem


def cancel_batch(batch: Batch, *, by: User | ApiKey | None = None) -> Batch:
    """Cancelling twice changes nothing. Raises yours:state when it has ended otherwise."""
    with transaction.atomic():
        locked = Batch.objects.select_for_update().get(id=batch.id)
        if locked.state in ("succeeded", "failed"):
            raise Problem("yours:state", f"The batch has {locked.state} already.")
        if locked.state == "cancelled" or locked.cancel_requested_at:
            return locked
        locked.cancel_requested_at = timezone.now()
        if locked.state == "queued":
            locked.state, locked.finished_at = "cancelled", timezone.now()
            release_hold(locked.id)
        locked.save()
        record_audit(locked.organisation, actor=by or "system", action="batch.cancel", subject=locked.id)
    return locked
