"""Takes a piece of a node's journal into the ledger: all of it in one transaction, each record once.

1. lock the segment's cursor, 2. set aside what cannot be billed, 3. insert the events (known ids are left alone),
4. charge the new ones to their leases, then to free credit, the rest is overage, 5. move wallets and ledger together,
6. advance the cursor. A crash anywhere leaves nothing, and the node posts again.
"""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from django.db import transaction

from apps.compute.models import Node
from apps.metering.models import JournalCursor, RefusedUsage
from apps.metering.rules import moment_of, period_for
from apps.metering.services.charge_events import charge_events
from apps.metering.services.check_records import Refusal, check_records
from apps.metering.services.insert_events import EventRow, insert_events
from apps.metering.services.lock_open_months import lock_open_months
from contracts.problems import Problem
from contracts.usage import UsageAnswer, UsagePost, UsageRecord

log = logging.getLogger(__name__)


@transaction.atomic
def absorb_usage(node: Node, post: UsagePost) -> UsageAnswer:
    """Return how far the journal is in the ledger, and which record ids were there already or were refused."""
    if not 0 <= post.offset_from <= post.offset_to or not 0 < len(post.segment) <= 80:
        raise Problem("yours:invalid", "segment and offsets do not describe a piece of a journal.")
    cursor = _locked_cursor(node, post.segment)
    good, refused = check_records(post.records)
    _keep(node, post.segment, refused)
    open_from = lock_open_months(record.organisation for record in good)
    prefix = f"usage:{node.pk}:{post.segment}:{post.offset_from}:{cursor.posts}"
    records = {record.id: record for record in good}  # the same id twice in one post counts once
    events = [_event(record, node.pk, prefix, open_from[record.organisation]) for record in records.values()]
    new = insert_events(events)
    charge_events([event for event in events if event.id in new], records)
    if post.offset_from <= cursor.offset:  # a gap before this piece would be lost if the cursor jumped over it
        cursor.offset = max(cursor.offset, post.offset_to)
    cursor.posts += 1
    cursor.save(update_fields=["offset", "posts", "updated_at"])
    return UsageAnswer(
        cursor=cursor.offset,
        duplicates=[record_id for record_id in records if record_id not in new],
        refused=[str(refusal.record.id) for refusal in refused],
    )


def _locked_cursor(node: Node, segment: str) -> JournalCursor:
    JournalCursor.objects.bulk_create([JournalCursor(node=node, segment=segment)], ignore_conflicts=True)
    return JournalCursor.objects.select_for_update(no_key=True).get(node=node, segment=segment)


def _event(record: UsageRecord, node_id: str, ref_prefix: str, open_from: date) -> EventRow:
    occurred_at = moment_of(record.at_us)
    period, late = period_for(occurred_at, open_from)
    return EventRow(
        record.id,
        record.organisation,
        record.meter,
        record.endpoint,
        record.key,
        record.model_version,
        "",
        record.units,
        record.price_id,
        record.amount_micros,
        record.currency,
        occurred_at,
        period,
        late,
        f"{ref_prefix}:{record.organisation}:{period.year}-{period.month:02d}",
        node_id,
    )


def _keep(node: Node, segment: str, refused: Sequence[Refusal]) -> None:
    """Store refused records for the operators: refused loudly, never lost."""
    reasons: dict[str, list[str]] = defaultdict(list)
    rows = []
    for refusal in refused:
        record = asdict(refusal.record)
        reasons[refusal.reason].append(str(refusal.record.id))
        text = json.dumps(record, sort_keys=True, default=str)
        rows.append(
            RefusedUsage(
                digest=hashlib.sha256(text.encode()).hexdigest(),
                node=node,
                segment=segment,
                record=json.loads(text.replace("\\u0000", "")),
                reason=refusal.reason[:300],
            )
        )
    RefusedUsage.objects.bulk_create(rows, ignore_conflicts=True)
    for reason, ids in reasons.items():
        log.error("usage of %s in %s refused: %s (%s records, first %s)", node, segment, reason, len(ids), ids[0])
