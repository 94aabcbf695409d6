"""Long work of other processes, done beside the tests on a core that they leave idle.

A piece of work begins once its tests are chosen; pieces follow one another; the tests wait for what came out.
"""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Beside:
    """One thread, and the processes that its work has started; `close` ends them."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)  # as it was before tests changed theirs
        self._thread = ThreadPoolExecutor(1, "beside")
        self._pieces: dict[str, Future[Any]] = {}
        self._processes: list[subprocess.Popen[str]] = []
        self._is_closed = False

    def begin(self, name: str, work: Callable[["Beside"], Any]) -> None:
        """Put a piece of work in line."""
        self._pieces[name] = self._thread.submit(work, self)

    def result(self, name: str) -> Any:
        """Wait for what a piece of work returns; raises what it raised."""
        return self._pieces[name].result()

    def start(self, command: list[str], **options: Any) -> "subprocess.Popen[str]":
        """A process that does not outlive the session."""
        if self._is_closed:
            raise RuntimeError("the session is over")
        process = subprocess.Popen(command, text=True, **options)
        self._processes.append(process)
        return process

    def run(self, command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        """Both outputs of a process that ends by itself."""
        process = self.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        out, errors = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, out, errors)

    def close(self) -> None:
        self._is_closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.kill()
            process.wait()


BESIDE = Beside()
