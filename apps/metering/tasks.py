"""The timetable's entry of metering: leases of nodes that never came back."""

from celery import shared_task

from apps.metering.services import close_leases


@shared_task
def close_abandoned_leases() -> None:
    close_leases.close_abandoned_leases()
