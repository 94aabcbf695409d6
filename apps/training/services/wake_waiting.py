"""Wake trainers for runs that wait, in case a wake-up message was lost or came before its backoff had passed."""

import logging

import redis
from celery import current_app
from django.db.models import Count
from django.db.models.functions import Now

from apps.training.hints import redis_client
from apps.training.models import Run
from contracts.jobs import WAKE_TRAINER_TASK, train_queue

log = logging.getLogger(__name__)
_MESSAGES_MAX = 64  # per pool: a queue that nobody empties must not grow


def wake_trainer(*, pool: str, run: str = "") -> None:
    """Send one wake-up to the trainers of a pool. It says "look"; which run is next the claim decides."""
    current_app.send_task(
        WAKE_TRAINER_TASK, kwargs={"run": run}, queue=train_queue(pool), ignore_result=True, retry=False
    )


def wake_waiting() -> int:
    """Send as many wake-ups as runs may start now and messages are missing. Returns how many were sent."""
    due = Run.objects.filter(state="queued", not_before__lte=Now(), pool__is_open=True)
    sent = 0
    for row in due.values("pool__name").annotate(runs=Count("id")).order_by():
        pool = row["pool__name"]
        for _ in range(min(row["runs"], _MESSAGES_MAX) - _messages_there(pool)):
            wake_trainer(pool=pool)
            sent += 1
    return sent


def _messages_there(pool: str) -> int:
    try:
        return int(redis_client().llen(train_queue(pool)))
    except redis.RedisError as error:
        log.warning("cannot see the queue of pool %s: %s", pool, error)
        return _MESSAGES_MAX
