"""Timed entry points: deliver what is due, forget what is old."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.webhooks.models import Delivery
from apps.webhooks.services import deliver_due
from apps.webhooks.services import fan_out as fanning

KEEP_DAYS = 90  # the log of deliveries; events stay, they keep things from being told twice


def fan_out(payload: dict[str, Any]) -> None:
    fanning.fan_out(payload)


@shared_task
def deliver() -> None:
    deliver_due.deliver_due()


@shared_task
def forget_old() -> None:
    since = timezone.now() - timedelta(days=KEEP_DAYS)
    Delivery.objects.filter(created_at__lt=since).exclude(state="waiting").delete()
