"""End a batch in one transaction: state, result, charge, release of the hold; guarded by the fence."""

import uuid

from django.db import transaction
from django.utils import timezone

from apps.endpoints.models import Batch
from apps.ledger.services.release_hold import release_hold
from apps.metering.services.charge_hold import HoldCharge, charge_hold
from apps.webhooks.services.emit import emit
from contracts.jobs import BatchReport
from contracts.problems import Problem
from contracts.usage import METER_BATCH_ROWS

_EVENT_NAMESPACE = uuid.UUID("6d0ad9a5-6b9b-4f19-8f42-0d3a3a0a7d11")


def finish_batch(batch: Batch, report: BatchReport) -> Batch:
    """Finishing twice with the same fence changes nothing and answers the same. Raises yours:stale (409)."""
    with transaction.atomic():
        locked = Batch.objects.select_for_update().get(id=batch.id)
        if locked.fence != report.fence:
            raise Problem("yours:stale", "Another claim holds this batch; stop and write nothing.", status=409)
        if locked.state != "running":
            return locked
        succeeded = report.outcome == "succeeded" and report.result is not None
        locked.rows_done, locked.rows_failed = report.rows_done, report.rows_failed
        locked.errors = report.errors[:100]
        locked.finished_at = timezone.now()
        locked.lease_until = None
        if succeeded and report.result is not None:
            locked.state = "succeeded"
            locked.result_key = f"batches/{locked.id}/{locked.fence}/{report.result.name}"
            locked.result_sha256, locked.result_bytes = report.result.sha256, report.result.size_bytes
            locked.cost_micros = _charge(locked, report.rows_done - report.rows_failed)
        else:
            locked.state = "cancelled" if locked.cancel_requested_at else "failed"
            locked.error_code = "" if locked.cancel_requested_at else report.failure_code or "ours:internal"
            locked.error_detail = report.failure_detail[:2000]
            release_hold(locked.id)  # an unfinished batch has no result to pay for
        locked.save()
        emit(
            locked.organisation,
            "batch.finished",
            {"batch": locked.id, "state": locked.state, "rows": locked.rows_done, "cost_micros": locked.cost_micros},
            dedupe_key=f"batch:{locked.id}",
        )
    return locked


def _charge(batch: Batch, answered: int) -> int:
    units = min(max(0, answered), batch.rows)
    charge = HoldCharge(
        id=str(uuid.uuid5(_EVENT_NAMESPACE, f"{batch.id}:{batch.fence}")),
        meter=METER_BATCH_ROWS,
        units=units,
        price=batch.price,
        amount_micros=units * batch.unit_price_micros,
        endpoint=batch.endpoint_id or "",
        model_version=batch.model_version_id,
        run=batch.id,
    )
    return charge_hold(batch.id, events=[charge])
