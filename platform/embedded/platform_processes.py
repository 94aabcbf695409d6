"""The one table of processes: `manage.py up` runs it, docker-compose.yml repeats it, a test compares the two."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

_CONTROL = "python -m celery -A modelyard"
_WORKERS = "python -m celery -A workers.celery"
_WORKER = "worker --loglevel INFO --without-gossip --without-mingle"

# A worker or server holds no credentials of the control plane; these never reach it.
CONTROL_SECRETS = (
    "DATABASE_URL",
    "SECRET_KEY",
    "KEY_PEPPER",
    "USAGE_SIGNING_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "EMAIL_HOST_PASSWORD",
    "STORAGE_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "MODELYARD_DATA",
)


@dataclass(frozen=True)
class PlatformProcess:
    """One kind of process: its command line, and how to see that it works."""

    name: str
    command: str  # words separated by spaces; everything that varies comes from the environment
    is_node: bool = False  # knows the internal API and its own token, nothing of the control plane
    node_kind: str = ""  # "train" | "batch" | "serve"
    port_variable: str = ""
    health_path: str = ""  # HTTP address that answers 200 when it works
    ready_line: str = ""  # for processes without a port: a line of its log
    stop_signal: int = signal.SIGTERM
    stop_within_s: float = 15.0
    important: Callable[[str], bool] = lambda line: " ERROR" in line or "CRITICAL" in line


PROCESSES = (
    PlatformProcess(
        name="web",
        command="python -m gunicorn --config python:modelyard.web_server modelyard.asgi:application",
        port_variable="WEB_PORT",
        health_path="/healthz",
    ),
    PlatformProcess(
        name="control",
        command=f"{_CONTROL} {_WORKER} --hostname control@%h --pool threads --concurrency 4 --queues control",
        ready_line=" ready.",
    ),
    PlatformProcess(
        name="beat",
        command=f"{_CONTROL} beat --loglevel INFO",
        ready_line="beat: Starting",
    ),
    PlatformProcess(
        name="train",
        command=f"{_WORKERS} {_WORKER} --hostname train@%h --pool solo --queues train.cpu",
        is_node=True,
        node_kind="train",
        ready_line=" ready.",
    ),
    PlatformProcess(
        name="batch",
        command=f"{_WORKERS} {_WORKER} --hostname batch@%h --pool solo --queues batch",
        is_node=True,
        node_kind="batch",
        ready_line=" ready.",
    ),
    PlatformProcess(
        name="serve",
        command="python -m workers.serve",
        is_node=True,
        node_kind="serve",
        port_variable="SERVE_PORT",
        health_path="/v2/health/live",
        stop_within_s=20.0,
    ),
)

STRIPE_DOUBLE = PlatformProcess(
    name="stripe",
    command="python manage.py stripe_double",
    port_variable="STRIPE_DOUBLE_PORT",
)
