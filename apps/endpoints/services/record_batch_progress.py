"""Renew a batch's lease and take down how far it is, guarded by the fence."""

from datetime import timedelta

from django.db.models.functions import Now

from apps.endpoints.models import Batch
from contracts.jobs import LEASE_S, BatchReport
from contracts.problems import Problem


def record_batch_progress(batch: Batch, report: BatchReport) -> bool:
    """Return whether the worker shall stop. Raises yours:stale (409) when another claim holds the batch."""
    updated = Batch.objects.filter(id=batch.id, fence=report.fence, state="running").update(
        rows_done=report.rows_done,
        rows_failed=report.rows_failed,
        errors=report.errors[:100],
        lease_until=Now() + timedelta(seconds=LEASE_S),
    )
    if not updated:
        raise Problem("yours:stale", "Another claim holds this batch; stop and write nothing.", status=409)
    return Batch.objects.filter(id=batch.id).exclude(cancel_requested_at=None).exists()
