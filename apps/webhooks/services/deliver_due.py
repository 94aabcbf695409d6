"""Makes the deliveries that are due: claim, call outside of any transaction, write down what came back.

At least once: a process that dies between the call and the record calls again when its lease is over. Receivers know a
repeated message by its `webhook-id`, which is the event's id.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.webhooks.models import Attempt, Delivery, Event, Webhook
from apps.webhooks.rules import DISABLED_AFTER_S, wait_after_s
from apps.webhooks.safe_post import Answer, safe_post
from apps.webhooks.services.emit import emit
from apps.webhooks.signing import headers_for

BATCH = 40
AT_ONCE = 8
LEASE_S = 60  # longer than a batch of calls that all time out


def deliver_due(*, now: datetime | None = None) -> int:
    """Return how many were delivered."""
    delivered = 0
    while claimed := _claim(now or timezone.now()):
        with ThreadPoolExecutor(AT_ONCE) as threads:
            answers = list(threads.map(_call, claimed))
        delivered += _record(claimed, answers, now)
        if now is not None:
            break
    return delivered


def message_of(event: Event) -> str:
    """Return the body: exactly these bytes are signed and sent."""
    return json.dumps(
        {"type": event.kind, "timestamp": event.at.isoformat(), "data": {"id": event.pk, **event.data}},
        separators=(",", ":"),
        sort_keys=True,
    )


def _claim(now: datetime) -> list[Delivery]:
    with transaction.atomic():
        due = (
            Delivery.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("webhook__organisation", "event")
            .filter(Q(lease_until=None) | Q(lease_until__lt=now), state="waiting", next_at__lte=now)
            .filter(webhook__deleted_at=None, webhook__disabled_at=None)
            .order_by("next_at", "pk")[:BATCH]
        )
        claimed = list(due)
        Delivery.objects.filter(pk__in=[row.pk for row in claimed]).update(lease_until=now + timedelta(seconds=LEASE_S))
        return claimed


def _call(delivery: Delivery) -> Answer:
    body = message_of(delivery.event)
    headers = headers_for(delivery.webhook, delivery.event_id, body, timezone.now())
    return safe_post(delivery.webhook.url, body.encode(), headers)


def _record(claimed: Sequence[Delivery], answers: Sequence[Answer], now: datetime | None) -> int:
    good = 0
    for delivery, answer in zip(claimed, answers, strict=True):
        moment = now or timezone.now()
        with transaction.atomic():
            Attempt.objects.create(
                delivery=delivery,
                at=moment,
                status=answer.status,
                error=answer.error[:300],
                took_ms=answer.took_ms,
                answer=answer.text,
            )
            _settle(delivery, answer, moment)
        good += answer.is_good
    return good


def _settle(delivery: Delivery, answer: Answer, now: datetime) -> None:
    attempts = delivery.attempts + 1
    wait_s = wait_after_s(attempts)
    changes: dict[str, Any] = {"attempts": attempts, "lease_until": None}
    hooks = Webhook.objects.filter(pk=delivery.webhook_id)
    if answer.is_good:
        changes |= {"state": "delivered", "delivered_at": now}
        hooks.update(failing_since=None)
    else:
        if wait_s is None:
            changes["state"] = "failed"
        else:
            changes["next_at"] = now + timedelta(seconds=wait_s)
        hooks.filter(failing_since=None).update(failing_since=now)
        _disable_if_hopeless(delivery.webhook, answer, now)
    Delivery.objects.filter(pk=delivery.pk).update(**changes)


def _disable_if_hopeless(webhook: Webhook, answer: Answer, now: datetime) -> None:
    """410 Gone means: do not call again. Otherwise five days of nothing but failures."""
    since = now - timedelta(seconds=DISABLED_AFTER_S)
    hooks = Webhook.objects.filter(pk=webhook.pk, disabled_at=None)
    if answer.status != 410:
        hooks = hooks.filter(failing_since__lt=since)
    if hooks.update(disabled_at=now):
        data = {"webhook": webhook.pk, "url": webhook.url, "reason": answer.error}
        emit(webhook.organisation, "webhook.disabled", data, dedupe_key=f"disabled:{webhook.pk}:{now.isoformat()}")
