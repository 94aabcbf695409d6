"""Ask for a side effect: one row in the caller's transaction, carried out after it commits."""

import logging
import time
from datetime import datetime
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.outbox.models import OutboxMessage

log = logging.getLogger(__name__)
_QUIET_S = 5.0  # after a failed nudge; the timetable looks every second anyway
_quiet_until = 0.0


def send(
    topic: str, payload: dict[str, Any], *, dedupe_key: str, available_at: datetime | None = None
) -> OutboxMessage:
    """Write the message once per `dedupe_key`; a second call with the same key changes nothing."""
    if topic not in settings.OUTBOX_HANDLERS:
        raise LookupError(f"no handler for the outbox topic {topic!r} in settings.OUTBOX_HANDLERS")
    message, _ = OutboxMessage.objects.get_or_create(
        dedupe_key=dedupe_key,
        defaults={"topic": topic, "payload": payload, "available_at": available_at or timezone.now()},
    )
    transaction.on_commit(_nudge)
    return message


def _nudge() -> None:
    """Hurry the dispatcher; when Redis is away the timetable finds the row a second later."""
    global _quiet_until  # noqa: PLW0603 -- one breaker per process is the point
    if time.monotonic() < _quiet_until:
        return
    try:
        current_app.send_task("apps.outbox.tasks.dispatch", ignore_result=True, retry=False)
    except Exception as error:  # any broker trouble: the row is safe, so the caller must not fail
        _quiet_until = time.monotonic() + _QUIET_S
        log.warning("could not nudge the outbox dispatcher: %s", error)
