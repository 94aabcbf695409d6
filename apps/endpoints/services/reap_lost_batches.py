"""Take back batches whose worker was lost: queued again with a pause, given up after three losses."""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.endpoints.models import Batch
from apps.ledger.services.release_hold import release_hold
from apps.outbox.services.send import send
from contracts.jobs import MAX_ATTEMPTS


def reap_lost_batches() -> int:
    """Return how many were taken back. Runs every few seconds, in any number of processes."""
    reaped = 0
    while _reap_one():
        reaped += 1
    return reaped


def _reap_one() -> bool:
    with transaction.atomic():
        lost = (
            Batch.objects.select_for_update(skip_locked=True)
            .filter(state="running", lease_until__lt=Now())
            .order_by("lease_until")
            .first()
        )
        if lost is None:
            return False
        lost.fence += 1  # whatever the lost worker still writes is refused
        lost.lease_until = None
        if lost.cancel_requested_at:
            lost.state, lost.finished_at = "cancelled", timezone.now()
            release_hold(lost.id)
        elif lost.attempt >= MAX_ATTEMPTS:
            lost.state, lost.finished_at, lost.error_code = "failed", timezone.now(), "ours:worker-lost"
            release_hold(lost.id)
        else:
            lost.state = "queued"
            lost.not_before = timezone.now() + timedelta(seconds=2**lost.attempt)
            send(
                "wake-batch",
                {"batch": lost.id},
                dedupe_key=f"wake-batch:{lost.id}:{lost.fence}",
                available_at=lost.not_before,
            )
        lost.save()
    return True
