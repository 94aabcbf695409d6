"""Celery entry points and outbox handlers of this stage."""

from typing import Any

import redis
from celery import current_app, shared_task
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.endpoints.services.forget_traffic import forget_traffic
from apps.endpoints.services.guard_rollouts import guard_rollouts
from apps.endpoints.services.reap_lost_batches import reap_lost_batches
from contracts.channels import CONFIG_CHANGED
from contracts.jobs import BATCH_QUEUE, WAKE_BATCH_TASK


@shared_task
def forget_old_traffic() -> None:
    forget_traffic()


@shared_task
def watch_rollouts() -> None:
    guard_rollouts()


@shared_task
def reap_batches() -> None:
    reap_lost_batches()


def wake_batch(payload: dict[str, Any]) -> None:
    """Outbox handler: a wake-up for any batch worker."""
    current_app.send_task(WAKE_BATCH_TASK, kwargs={"batch_id": payload["batch"]}, queue=BATCH_QUEUE)


def hint_config_changed(payload: dict[str, Any]) -> None:
    """Outbox handler: tell serve nodes to pull now. Without Redis they pull within two seconds anyway."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )
    with client:
        client.publish(CONFIG_CHANGED, str(payload["revision"]))
