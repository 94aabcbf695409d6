"""How `web` serves: gunicorn holds the socket over reloads (SIGHUP loses no request), uvicorn speaks ASGI."""

import ctypes
import os
import signal
from typing import Any

from uvicorn.workers import UvicornWorker

from modelyard.env import integer, text

_PR_SET_PDEATHSIG = 1


class WebWorker(UvicornWorker):
    """Uvicorn under gunicorn; open event streams may hold a shutdown up for a few seconds only."""

    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": "httptools",
        "lifespan": "off",
        "server_header": False,
        "timeout_graceful_shutdown": 5,
    }


def post_fork(server: Any, worker: Any) -> None:
    """A worker ends with its master even when that was killed; else it would keep the port."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server.pid:
        os._exit(1)


bind = f"{text('WEB_HOST', '127.0.0.1')}:{integer('WEB_PORT', 8000, minimum=1, maximum=65535)}"
workers = integer("WEB_WORKERS", 2, minimum=1, maximum=64)
worker_class = WebWorker
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # heartbeats must not wait for a disk
timeout = 60
graceful_timeout = 10
keepalive = 5
accesslog = None
errorlog = "-"
