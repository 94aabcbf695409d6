"""The workers' Celery app, without Django: messages are only bells, the work itself runs in the node's own thread.

    celery -A workers.celery worker -Q train.cpu      a trainer of the pool `cpu`
    celery -A workers.celery worker -Q batch          batch predictions

CONTROL_URL and NODE_TOKEN say where control is and who this node is; REDIS_URL is the broker.
"""

import importlib
import os
import threading
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

from contracts.jobs import BATCH_QUEUE, WAKE_BATCH_TASK, WAKE_TRAINER_TASK
from workers.control import NodeControl
from workers.node import Node

# fixups=(): where DJANGO_SETTINGS_MODULE happens to be set, Celery would load Django.
app = Celery("workers", broker=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"), fixups=())
app.conf.update(
    # A message taken and lost costs nothing: the row in PostgreSQL is the job, and nodes look for themselves.
    task_acks_late=False,
    task_ignore_result=True,
    task_publish_retry=False,
    worker_prefetch_multiplier=1,
    worker_concurrency=1,
    worker_pool="solo",  # bells ring in the process that holds the node; nothing heavy ever runs as a task
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    task_default_queue="train.cpu",
    worker_send_task_events=False,
)

_nodes: dict[str, Node] = {}


def _ring(kind: str) -> None:
    node = _nodes.get(kind)
    if node is not None:
        node.ring()


@app.task(name=WAKE_TRAINER_TASK, bind=False)
def wake_trainer(*_: Any, **__: Any) -> None:
    """Look for runs. Arguments are hints of newer or older versions of control; none is needed."""
    _ring("train")


@app.task(name=WAKE_BATCH_TASK, bind=False)
def wake_batch(*_: Any, **__: Any) -> None:
    _ring("batch")


def _node_token() -> str:
    """NODE_TOKEN, or the content of NODE_TOKEN_FILE (secrets mounted as files)."""
    path = os.environ.get("NODE_TOKEN_FILE")
    return Path(path).read_text().strip() if path else os.environ["NODE_TOKEN"]


def _start(kind: str) -> None:
    stopping = threading.Event()
    control = NodeControl(os.environ["CONTROL_URL"], _node_token())
    # Imported by name at start: a batch worker needs no training code.
    supervisor = importlib.import_module(f"workers.{kind}.supervisor").Supervisor(control, stopping)
    _nodes[kind] = Node(kind, supervisor.work_one, stopping, control)
    _nodes[kind].start()


@worker_ready.connect
def start_nodes(sender: Any, **_: Any) -> None:
    """Which work this process does follows from the queues it listens to."""
    queues = set(sender.app.amqp.queues.consume_from)
    if any(name.startswith("train.") for name in queues):
        _start("train")
    if BATCH_QUEUE in queues:
        _start("batch")


@worker_shutting_down.connect
def stop_nodes(**_: Any) -> None:
    """Leave the work: the child ends, the lease runs out, another worker goes on from the last checkpoint."""
    for node in _nodes.values():
        node.stop()
