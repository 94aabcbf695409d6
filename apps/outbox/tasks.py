"""Timed entry points of the outbox."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.outbox.models import OutboxMessage
from apps.outbox.services.dispatch import dispatch_waiting

KEEP_DONE_DAYS = 7  # long enough to look back at a week of side effects; the inbox is kept, it is the guard


@shared_task
def dispatch() -> None:
    dispatch_waiting()


@shared_task
def forget_done() -> None:
    OutboxMessage.objects.filter(done_at__lt=timezone.now() - timedelta(days=KEEP_DONE_DAYS)).delete()
