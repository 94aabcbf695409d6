"""Entry points of the control worker: start a check, look for checks that were lost."""

from typing import Any

from celery import shared_task

from apps.datasets.queries import stuck_checks
from apps.datasets.services.check_version import check_version


def start_check(payload: dict[str, Any]) -> None:
    """Outbox handler of "check-upload": short, so the check itself is a task of its own."""
    check.delay(payload["version"])


@shared_task
def check(version_id: str) -> None:
    check_version(version_id)


@shared_task
def recheck_stuck() -> None:
    """A lost message or a lost machine: the row says what is still to do."""
    for version_id in stuck_checks():
        check.delay(version_id)
