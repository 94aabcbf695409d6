"""Supervises named child processes: order, readiness, restart with back-off, logs, and an end without orphans.

One thread starts every child, because the kernel's death signal follows the thread that forked, not the process.
Each child leads a process group; whatever is left of a group after its leader ended is killed.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import psutil

from embedded import launch
from embedded.logs import LogFile

_FIRST_RESTART_S = 0.5
_LONGEST_RESTART_S = 15.0
_STEADY_S = 20.0  # a child that lived this long starts again without delay growth
_POLL_S = 0.1


class StartFailed(RuntimeError):
    """A child ended, or was not ready in time; the message holds the end of its log."""


@dataclass(frozen=True)
class Program:
    """One child: what to run, how to see that it is ready, how to end it."""

    name: str
    argv: list[str]
    env: Mapping[str, str] | None = None  # None: the supervisor's own
    cwd: Path | None = None
    ready: Callable[[], bool] | None = None  # None: ready as soon as it runs
    ready_line: str = ""  # or: ready once its log says this
    ready_within_s: float = 60.0
    stop_signal: int = signal.SIGTERM
    stop_within_s: float = 10.0
    death_signal: int = signal.SIGKILL  # sent by the kernel when the supervisor dies
    stage: int = 0  # children of a later stage lean on earlier ones, so they are stopped first
    user: tuple[int, int] = (0, 0)  # uid, gid to become when we are root; (0, 0): stay


@dataclass
class _Child:
    program: Program
    log: LogFile
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    wanted: bool = True
    crashes: int = 0
    restart_at: float = 0.0
    starts: int = 0
    said_ready: bool = False

    def is_alive(self) -> bool:
        process = self.process
        return process is not None and process.poll() is None

    def signal_stop(self) -> None:
        self.wanted = False
        process = self.process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.program.stop_signal)

    def is_ready(self) -> bool:
        if self.program.ready_line:
            return self.said_ready
        return self.program.ready is None or self.program.ready()


class Supervisor:
    """Owns the children of one installation. Use it as a context manager: leaving it stops everything."""

    def __init__(
        self,
        logs: Path,
        *,
        echo: Callable[[str, str], None] = lambda name, line: None,
        note: Callable[[str, str], None] = lambda name, line: None,
    ) -> None:
        self.logs = logs
        self.logs.mkdir(parents=True, exist_ok=True)
        self._echo = echo  # what a child prints
        self._note = note  # what we have to say about a child
        self._children: dict[str, _Child] = {}
        self._calls: queue.Queue[tuple[Callable[[], None], Future[None]] | None] = queue.Queue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # what callers ask for

    def start(self, program: Program, *, wait: bool = True) -> None:
        """Start a child and wait until it is ready. Raises StartFailed with the end of its log."""
        child = _Child(program, LogFile(self.logs / f"{program.name}.log", lambda line: self._hear(program.name, line)))
        self._children[program.name] = child
        self._in_thread(lambda: self._spawn(child))
        if wait:
            self.wait_ready(program.name, crashes_allowed=0)

    def wait_ready(self, name: str, *, crashes_allowed: int = 3) -> None:
        """Wait for a child's readiness check. Raises StartFailed when it keeps ending or takes too long."""
        child = self._children[name]
        deadline = time.monotonic() + child.program.ready_within_s
        while True:
            if child.crashes > crashes_allowed or (crashes_allowed == 0 and not child.is_alive()):
                child.wanted = False
                raise StartFailed(f"{name} ended while starting (see {child.log.path}):\n{child.log.tail()}")
            if child.is_alive() and child.is_ready():
                child.crashes = 0
                return
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{name} was not ready within {child.program.ready_within_s:.0f} s"
                    f" (see {child.log.path}):\n{child.log.tail()}"
                )
            time.sleep(_POLL_S)

    def stop(self, name: str) -> None:
        """End one child: its stop signal, then SIGKILL for what is left of its group."""
        child = self._children[name]
        child.wanted = False
        self._in_thread(lambda: self._end(child))

    def kill(self, name: str) -> None:
        """SIGKILL a child's main process, as a crash would; the supervisor starts it again by itself."""
        process = self._children[name].process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    def restart(self, name: str) -> None:
        """Stop a child, start it again and wait until it is ready."""
        child = self._children[name]
        child.wanted = False
        self._in_thread(lambda: self._end(child))
        child.wanted, child.crashes = True, 0
        self._in_thread(lambda: self._spawn(child))
        self.wait_ready(name)

    def pid(self, name: str) -> int | None:
        """Process id of a running child, None while it is down."""
        child = self._children[name]
        process = child.process
        return process.pid if process is not None and child.is_alive() else None

    def starts(self, name: str) -> int:
        """How often this child was started."""
        return self._children[name].starts

    def names(self) -> list[str]:
        """Names of all children in the order of their start."""
        return list(self._children)

    def close(self) -> None:
        """Stop every child: stage by stage from the last, those of one stage together."""
        if self._closing.is_set():
            return
        self._closing.set()
        for stage in sorted({child.program.stage for child in self._children.values()}, reverse=True):
            names = [name for name, child in self._children.items() if child.program.stage == stage]
            for name in names:
                self._children[name].signal_stop()
            for name in reversed(names):
                self.stop(name)
        self._calls.put(None)
        self._thread.join(timeout=10)
        for child in self._children.values():
            child.log.close()

    def _hear(self, name: str, line: str) -> None:
        child = self._children[name]
        if child.program.ready_line and child.program.ready_line in line:
            child.said_ready = True
        self._echo(name, line)

    # in the supervisor's thread

    def _in_thread(self, call: Callable[[], None]) -> None:
        done: Future[None] = Future()
        self._calls.put((call, done))
        done.result()

    def _run(self) -> None:
        while True:
            with contextlib.suppress(queue.Empty):
                item = self._calls.get(timeout=_POLL_S)
                if item is None:
                    return
                call, done = item
                try:
                    call()
                    done.set_result(None)
                except BaseException as error:  # handed to the caller, who waits for it
                    done.set_exception(error)
            self._look_after_children()

    def _look_after_children(self) -> None:
        if self._closing.is_set():
            return
        now = time.monotonic()
        for child in list(self._children.values()):
            if not child.wanted:
                continue
            if child.process is not None and child.process.poll() is not None:
                self._note_crash(child, now)
            if child.process is None and child.restart_at and now >= child.restart_at:
                child.restart_at = 0.0
                self._spawn(child)

    def _note_crash(self, child: _Child, now: float) -> None:
        assert child.process is not None
        code = child.process.returncode
        _kill_group(child.process.pid)
        child.process = None
        child.crashes = 1 if now - child.started_at > _STEADY_S else child.crashes + 1
        delay_s = min(_FIRST_RESTART_S * 2 ** (child.crashes - 1), _LONGEST_RESTART_S)
        child.restart_at = now + delay_s
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self._note(child.program.name, f"ended ({how}); starting it again in {delay_s:.1f} s, log: {child.log.path}")

    def _spawn(self, child: _Child) -> None:
        program = child.program
        child.said_ready = False
        uid, gid = program.user
        argv = [sys.executable, "-S", "-E", launch.__file__, str(os.getpid()), str(int(program.death_signal))]
        child.process = subprocess.Popen(
            [*argv, str(uid), str(gid), "--", *program.argv],
            env=None if program.env is None else dict(program.env),
            cwd=program.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        child.started_at = time.monotonic()
        child.starts += 1
        assert child.process.stdout is not None
        child.log.follow(child.process.stdout)

    def _end(self, child: _Child) -> None:
        process = child.process
        child.restart_at = 0.0
        if process is None:
            return
        if process.poll() is None:
            if not self._closing.is_set():  # then it has the signal already, and a second one may mean "at once"
                child.signal_stop()
            try:
                process.wait(child.program.stop_within_s)
            except subprocess.TimeoutExpired:
                self._note(child.program.name, f"did not stop within {child.program.stop_within_s:.0f} s; killing it")
        child.process = None
        _kill_group(process.pid)
        process.wait()


def _kill_group(leader: int) -> None:
    """Kill whatever still belongs to a child's group, and children that left it but still name a member as parent."""
    strays: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        strays = psutil.Process(leader).children(recursive=True)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for stray in strays:
        with contextlib.suppress(psutil.NoSuchProcess):
            stray.kill()
