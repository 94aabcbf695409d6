"""Two timetables never ring at once: the second waits for the first to end."""

import os
import threading

import psycopg
import pytest
from django.db import connection

from modelyard.beat_lock import _LOCK, wait_for_the_lock


@pytest.mark.django_db(transaction=True)
def test_a_second_beat_waits_until_the_first_is_gone() -> None:
    name = connection.settings_dict["NAME"]
    first = psycopg.connect(os.environ["DATABASE_URL"], dbname=name, autocommit=True)
    first.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    got_it = threading.Event()

    def second() -> None:
        wait_for_the_lock()
        got_it.set()
        connection.close()

    thread = threading.Thread(target=second)
    thread.start()
    try:
        assert not got_it.wait(1.0)
        first.close()
        assert got_it.wait(10.0)
    finally:
        first.close()
        thread.join(10)
