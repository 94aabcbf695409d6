"""Lets only one `beat` ring the timetable: a second one waits on a lock in PostgreSQL until the first is gone."""

import logging
from typing import Any

from celery.signals import beat_init
from django.db import connection

_LOCK = 0x6D795F62656174  # "my_beat" as a number; PostgreSQL names advisory locks by numbers

log = logging.getLogger(__name__)


@beat_init.connect
def wait_for_the_lock(**_: Any) -> None:
    """Hold the lock on this process's connection; PostgreSQL frees it when the process ends."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if cursor.fetchone() == (True,):
            return
        log.warning("another beat is running; waiting for it to end")
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
