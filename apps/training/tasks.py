"""Celery entry points of training: the timetable's reaper and wake-ups, and the outbox's wake-up message."""

from typing import Any

from celery import shared_task

from apps.training.services import reap_lost_runs as reaping
from apps.training.services import wake_waiting as waking


@shared_task(ignore_result=True)
def reap() -> None:
    """Every 2 s: take runs from lost machines."""
    reaping.reap_lost_runs()


@shared_task(ignore_result=True)
def wake_waiting() -> None:
    """Every 5 s: a lost message costs no more than that."""
    waking.wake_waiting()


def wake_trainer(payload: dict[str, Any]) -> None:
    """Outbox topic `wake-trainer`."""
    waking.wake_trainer(pool=payload["pool"], run=payload.get("run", ""))
