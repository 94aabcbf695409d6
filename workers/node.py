"""A worker process as a node: says hello every ten seconds and looks for work, woken by a bell or by itself."""

import logging
import os
import platform
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from workers.control import ControlRefused, ControlUnreachable, NodeControl, StaleFence

log = logging.getLogger(__name__)

HELLO_EVERY_S = 10.0
LOOK_EVERY_S = 3.0  # a lost wake-up costs at most this long
LEAVE_S = 10.0  # what a worker may take to leave its work


def capabilities() -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": sorted(entry.name for entry in Path("/dev").glob("nvidia[0-9]*")),
        "providers": ["CPUExecutionProvider"],
    }


class Node:
    """One thread that works and one that says hello; the bell only makes the first look sooner."""

    def __init__(
        self, kind: str, work_one: Callable[[], bool], stopping: threading.Event, control: NodeControl
    ) -> None:
        self._kind, self._work_one, self._stopping, self._control = kind, work_one, stopping, control
        self._boot = uuid.uuid4().hex
        self._bell = threading.Event()
        self._threads = [
            # Not a Celery pool process: the training child asks to die with the thread that started it, and this one
            # lives as long as the worker.
            threading.Thread(target=self._work, name=f"{kind}-work", daemon=True),
            threading.Thread(target=self._greet, name=f"{kind}-hello", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        self._bell.set()

    def stop(self) -> None:
        self._stopping.set()
        self._bell.set()
        self._threads[0].join(timeout=LEAVE_S)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._bell.clear()
            try:
                while not self._stopping.is_set() and self._work_one():
                    pass
            except (ControlUnreachable, ControlRefused, StaleFence) as trouble:
                log.warning("%s: %s", self._kind, trouble)
            except Exception:
                log.exception("%s: work failed", self._kind)
            self._bell.wait(LOOK_EVERY_S)

    def _greet(self) -> None:
        message = {
            "kind": self._kind,
            "boot": self._boot,
            "version": platform.python_version(),
            "capabilities": capabilities(),
        }
        while not self._stopping.is_set():
            try:
                self._control.hello(message)
            except (ControlUnreachable, ControlRefused, StaleFence) as trouble:
                log.warning("hello: %s", trouble)
            self._stopping.wait(HELLO_EVERY_S)
