"""The Django project: composition and nothing else."""

from modelyard.celery import app as celery_app  # every process that reads the settings also knows the broker

__all__ = ["celery_app"]
