"""Carry out waiting messages, each in a transaction of its own with its handler's effect.

1. Claim a batch: rows nobody holds, skipping locked ones; count the attempt and take a lease, and commit. A process
   that is killed later has been counted, so a message that kills its dispatcher ends up dead instead of looping.
2. For each: lock the row again (unless another dispatcher took it over), run the handler, mark it done, commit both.
3. A handler that raises: its effect is rolled back, the message waits longer each time, and dies after 12 attempts.

Handlers must be short and must bear being called twice: the process may die between an outside effect and the commit.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.outbox.models import OutboxMessage
from apps.outbox.rules import is_hopeless, wait_after_s

log = logging.getLogger(__name__)
BATCH = 100
LEASE_S = 60  # longer than a batch of short handlers; the row lock guards the one being handled
TURN_S = 30.0  # one call hands over after this long, so that a backlog does not keep one task for ever


def dispatch_waiting() -> int:
    """Handle what is waiting; return how many messages were done."""
    stop_at = time.monotonic() + TURN_S
    done = 0
    while claimed := _claim(timezone.now()):
        for message in claimed:
            done += _handle(message)
        if time.monotonic() > stop_at:
            break
    return done


def _claim(now: datetime) -> list[OutboxMessage]:
    with transaction.atomic():
        free = (
            OutboxMessage.objects.select_for_update(skip_locked=True)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now), done_at=None, dead_at=None, available_at__lte=now)
            .order_by("available_at", "id")[:BATCH]
        )
        ids = [message.pk for message in free]
        OutboxMessage.objects.filter(pk__in=ids).update(
            attempts=F("attempts") + 1, lease_until=now + timedelta(seconds=LEASE_S)
        )
        return list(OutboxMessage.objects.filter(pk__in=ids).order_by("available_at", "id"))


def _handle(claimed: OutboxMessage) -> bool:
    try:
        with transaction.atomic():
            message = _still_mine(claimed)
            if message is None:
                return False
            _handler(message.topic)(message.payload)
            message.done_at, message.lease_until, message.last_error = timezone.now(), None, ""
            message.save(update_fields=["done_at", "lease_until", "last_error"])
    except Exception as error:  # whatever a handler raises: this message waits, the others go on
        _postpone(claimed, error)
        return False
    return True


def _still_mine(claimed: OutboxMessage) -> OutboxMessage | None:
    """Lock the row; None when a lease ran out and another dispatcher has it (the attempt number is the fence)."""
    return (
        OutboxMessage.objects.select_for_update(skip_locked=True)
        .filter(pk=claimed.pk, attempts=claimed.attempts, done_at=None, dead_at=None)
        .first()
    )


def _handler(topic: str) -> Any:
    return import_string(settings.OUTBOX_HANDLERS[topic])


def _postpone(claimed: OutboxMessage, error: Exception) -> None:
    now = timezone.now()
    is_dead = is_hopeless(claimed.attempts)
    log.log(
        logging.ERROR if is_dead else logging.WARNING,
        "outbox message %s (%s) failed at attempt %s: %r",
        claimed.pk,
        claimed.topic,
        claimed.attempts,
        error,
        exc_info=is_dead,
    )
    OutboxMessage.objects.filter(pk=claimed.pk, attempts=claimed.attempts, done_at=None).update(
        last_error=repr(error)[:2000],
        lease_until=None,
        available_at=now + timedelta(seconds=wait_after_s(claimed.attempts)),
        dead_at=now if is_dead else None,
    )
