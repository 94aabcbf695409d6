"""Hints over Redis that a run changed, so that open pages look at once. Losing one costs a second or two, no more."""

import logging
from functools import cache, partial

import redis
from django.conf import settings
from django.db import transaction

from contracts.channels import RUN_CHANGED

log = logging.getLogger(__name__)


@cache
def redis_client() -> redis.Redis:
    """A client that gives up fast: a hint must never hold up a heartbeat."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.2)


def hint_run_changed(run_id: str) -> None:
    """Publish the hint once the transaction around is committed."""
    transaction.on_commit(partial(_publish, run_id), robust=True)


def _publish(run_id: str) -> None:
    try:
        redis_client().publish(RUN_CHANGED.format(run=run_id), run_id)
    except redis.RedisError as error:
        log.warning("no hint for %s: %s", run_id, error)
