"""Timed entry points of the REST layer."""

from celery import shared_task
from django.utils import timezone

from apps.rest.models import IdempotencyRecord


@shared_task
def forget_expired() -> None:
    IdempotencyRecord.objects.filter(expires_at__lte=timezone.now()).delete()
