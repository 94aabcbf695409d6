"""Gives an event a delivery for each webhook that wants to hear of it."""

from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone

from apps.webhooks.models import Delivery, Event, Webhook
from apps.webhooks.queries import webhooks_of


def fan_out(payload: dict[str, Any]) -> None:
    """Handler of the outbox topic `webhook-event`. The calls themselves are made outside: a slow receiver must not
    keep other messages waiting."""
    event = Event.objects.select_related("organisation").filter(pk=payload["event"]).first()
    if event is None or event.kind == "ping":  # a test was given its one delivery when it was asked for
        return
    now = timezone.now()
    wanting = [hook for hook in webhooks_of(event.organisation).filter(disabled_at=None) if _wants(hook, event.kind)]
    Delivery.objects.bulk_create(
        [Delivery(webhook=hook, event=event, next_at=now) for hook in wanting], ignore_conflicts=True
    )
    if wanting:
        transaction.on_commit(_hurry, robust=True)


def _wants(webhook: Webhook, kind: str) -> bool:
    return not webhook.kinds or kind in webhook.kinds


def _hurry() -> None:
    current_app.send_task("apps.webhooks.tasks.deliver", ignore_result=True, retry=False)
