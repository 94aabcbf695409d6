"""Several serving processes on one port: started, restarted when they die, replaced one by one on SIGHUP.

The supervisor holds one listening socket per process and hands it down. While a process is being replaced its new
connections wait in that socket's queue, so none is refused and none is lost.
"""

import ctypes
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
RESTART_S = 0.5
LOOK_S = 0.2
BACKLOG = 2048
STARTED, LISTENING = b"0", b"1"
READY_WITHIN_S = 90.0  # a replacement waits for its predecessor's drain, loads its models, then listens


def die_with_parent() -> None:
    """Children drain when the supervisor is killed."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def supervise(processes: int, host: str, port: int) -> int:
    """Keep `processes` children running until SIGTERM or SIGINT. Raises OSError when the port is taken."""
    return Supervisor(processes, host, port).run()


class Child:
    """One process. Through the pipe `ready` it says STARTED, when all code is loaded, and then LISTENING."""

    def __init__(self, slot: int, listener: socket.socket) -> None:
        self.ready, told = os.pipe()
        fds = {"SERVE_LISTEN_FD": str(listener.fileno()), "SERVE_READY_FD": str(told)}
        environment = {**os.environ, **fds, "SERVE_SLOT": str(slot), "SERVE_CHILD": "1"}
        command = [sys.executable, "-m", "workers.serve"]
        self.process = subprocess.Popen(command, env=environment, pass_fds=(listener.fileno(), told))
        os.close(told)

    def says(self, word: bytes, within_s: float, is_over: Callable[[], bool]) -> bool:
        """Wait until it says `word`. False: it died, it took too long, or the wait is over for another reason."""
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s and not is_over():
            readable, _, _ = select.select([self.ready], [], [], LOOK_S)
            if readable:
                heard = os.read(self.ready, 1)
                if heard in (word, b""):
                    return heard == word
        return False

    def forget(self) -> None:
        os.close(self.ready)


class Supervisor:
    def __init__(self, processes: int, host: str, port: int) -> None:
        self._stopping = False
        self._rolling = False
        self._listeners: list[socket.socket] = []
        for _ in range(processes):
            self._listeners.append(_listen(host, port))
            port = port or self._listeners[0].getsockname()[1]
        self._children: dict[int, Child] = {}

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._roll)
        self._children = {slot: Child(slot, listener) for slot, listener in enumerate(self._listeners)}
        while not self._stopping:
            if self._rolling:
                self._rolling = False
                self._replace_all()
            for slot in self._children:
                self._revive(slot)
            time.sleep(LOOK_S)
        children = [child.process for child in self._children.values()]
        for child in children:
            if child.poll() is None:
                child.terminate()
        return max(abs(child.wait()) for child in children)

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True

    def _roll(self, number: int, frame: object) -> None:
        self._rolling = True

    def _revive(self, slot: int) -> None:
        code = self._children[slot].process.poll()
        if code is None:
            return
        log.error("process %d ended with %s; starting it again", slot, code)
        time.sleep(RESTART_S)
        if not self._stopping:
            self._children[slot].forget()
            self._children[slot] = Child(slot, self._listeners[slot])

    def _replace_all(self) -> None:
        """One process after the other; the first that does not come up ends it, and the others stay as they are."""
        log.info("replacing %d processes", len(self._children))
        for slot in list(self._children):
            if self._stopping or not self._replace(slot):
                return
        log.info("every process is replaced")

    def _replace(self, slot: int) -> bool:
        """Start the successor; once its code is loaded it waits for the predecessor's journal, and that one drains."""
        old, new = self._children[slot], Child(slot, self._listeners[slot])
        if not new.says(STARTED, READY_WITHIN_S, self._is_stopping):
            log.error("a successor of process %d does not start; all stay as they are", slot)
            new.process.kill()
            new.process.wait()
            new.forget()
            return False
        self._children[slot] = new
        old.process.terminate()
        is_ready = new.says(LISTENING, READY_WITHIN_S, self._is_stopping)
        old.process.wait()
        old.forget()
        if not is_ready and not self._stopping:
            log.error("process %d was replaced, but its successor is not ready; the others stay", slot)
        return is_ready

    def _is_stopping(self) -> bool:
        return self._stopping


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(address)
    listener.listen(BACKLOG)
    return listener
