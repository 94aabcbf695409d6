"""The control plane's Celery: one queue, `control`, whose messages only say "look"; rows in PostgreSQL say what.

Early acknowledgement and no Celery retries, on purpose: `acks_late` on Redis starts a long task several times, and a
lost message costs nothing because the timetable looks again. Every task may therefore run twice or late.
"""

import os

from celery import Celery

from modelyard import beat_lock  # noqa: F401 - importing it connects the signal
from modelyard.env import data_dir

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelyard.settings")

CONTROL_QUEUE = "control"

app = Celery("modelyard")
app.conf.update(
    task_default_queue=CONTROL_QUEUE,
    task_acks_late=False,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_prefetch_multiplier=1,
    task_soft_time_limit=None,  # threads cannot be interrupted; services bound their own work
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 2, "health_check_interval": 10},
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2},
    beat_schedule_filename=str(data_dir() / "beat-schedule"),
    timezone="UTC",
    enable_utc=True,
)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.set_default()  # else only the importing thread knows it, and requests run in threads of their own
