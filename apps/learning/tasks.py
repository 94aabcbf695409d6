"""Celery entry points of this stage: each only looks; rows say what is due."""

from celery import shared_task

from apps.learning.services.advance_retraining import advance_all
from apps.learning.services.forget_requests import forget_requests
from apps.learning.services.measure_drift import measure_all
from apps.learning.services.start_due import start_due


@shared_task
def forget_old_requests() -> None:
    forget_requests()


@shared_task
def watch_drift() -> None:
    measure_all()


@shared_task
def retrain() -> None:
    start_due()
    advance_all()
