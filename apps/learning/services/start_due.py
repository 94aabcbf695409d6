"""Start what is due: one row per due time, whoever looks first. Rows and constraints decide; a task only looks.

1. A schedule comes due: its next time is moved by compare-and-set, so one of several lookers has it.
2. Rows and drift: what made it due is the row's key, and a key makes nothing due twice.
3. While one retraining is open, no other starts: a constraint. A due time that falls into it is passed over.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.learning.models import Drift, Retraining, RetrainingPolicy
from apps.learning.queries import labelled_requests, newest_data, served_model
from apps.learning.retraining_rules import next_due


def start_due() -> int:
    """Return how many began."""
    policies = RetrainingPolicy.objects.filter(endpoint__deleted_at=None).select_related("endpoint__organisation")
    return sum(start_if_due(policy, timezone.now()) is not None for policy in policies)


def start_if_due(policy: RetrainingPolicy, now: datetime) -> Retraining | None:
    with transaction.atomic():  # a due time is taken and begun together, or not at all
        for due_key, reason in _causes(policy, now):
            if begun := begin(policy, due_key, reason):
                return begun
    return None


def begin(policy: RetrainingPolicy, due_key: str, reason: str) -> Retraining | None:
    """None: somebody else has it, or another is open. A failed insert undoes only itself."""
    try:
        with transaction.atomic():
            return Retraining.objects.create(
                organisation=policy.organisation, policy=policy, due_key=due_key[:120], reason=reason[:200]
            )
    except IntegrityError:
        return None


def _causes(policy: RetrainingPolicy, now: datetime) -> list[tuple[str, str]]:
    found = []
    due = policy.next_due_at
    if policy.every_days and due and due <= now and _take_time(policy, due, now):
        found.append((f"schedule:{due.isoformat()}", f"Every {policy.every_days} days"))
    if policy.new_rows and (new := rows_since(policy)) >= policy.new_rows:
        found.append((f"rows:{policy.rows_seen}", f"{new} new rows"))
    drift = Drift.objects.filter(endpoint=policy.endpoint, drifting_since__isnull=False).first()
    if policy.on_drift and drift and drift.drifting_since:
        found.append((f"drift:{drift.drifting_since.isoformat()}", "Drift above the limit"))
    return found


def _take_time(policy: RetrainingPolicy, due: datetime, now: datetime) -> bool:
    following = next_due(due, now, policy.every_days or 1)
    return bool(RetrainingPolicy.objects.filter(pk=policy.pk, next_due_at=due).update(next_due_at=following))


def rows_since(policy: RetrainingPolicy) -> int:
    """Labelled rows that wait, and rows that the dataset has more than when it was last looked at."""
    model = served_model(policy.endpoint)
    if model is None:
        return 0
    waiting = sum(len(labels) for labels in labelled_requests(model).values_list("labels", flat=True))
    newest = newest_data(model)
    return waiting + max(0, (newest.rows if newest else 0) - policy.rows_seen)
