"""Keeps the lease of a run alive from a thread of its own, so that a long upload can never cost the run.

Sends a heartbeat every HEARTBEAT_S and sooner after changes worth showing; remembers what control answered.
"""

import contextlib
import dataclasses
import threading
import time
from typing import Any

from contracts.jobs import HEARTBEAT_S, CandidateReport, RunHeartbeat
from contracts.wire import from_wire
from workers.control import ControlRefused, ControlUnreachable, RunControl, StaleFence

SOONEST_S = 1.0  # between two heartbeats, however much changes
MOST_POINTS = 500  # per heartbeat; older ones first, the rest goes with the next
MOST_LINES = 200


class Pulse:
    def __init__(self, control: RunControl, fence: int) -> None:
        self._control = control
        self._lock = threading.Lock()
        self._ring = threading.Event()
        self._now = RunHeartbeat(fence=fence, state="running", progress=0.0, stage="prepare")
        self._candidates: dict[str, CandidateReport] = {}
        self._points: list[dict[str, float]] = []
        self._lines: list[str] = []
        self._pending: RunHeartbeat | None = None
        self._is_ended = False
        self.cancel = False
        self.stop_and_keep_best = False
        self.is_stale = False
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ended = True
        self._ring.set()
        self._thread.join(timeout=60)

    @property
    def candidates(self) -> list[CandidateReport]:
        with self._lock:
            return list(self._candidates.values())

    def update(self, **changes: Any) -> None:
        """Take over figures (state, stage, progress, …); a new stage or state is sent at once."""
        with self._lock:
            before = self._now
            self._now = dataclasses.replace(before, **changes)
            if (before.state, before.stage) != (self._now.state, self._now.stage):
                self._ring.set()

    def absorb(self, line: dict[str, Any]) -> None:
        """Take over one line of the child's progress file."""
        kind = line["kind"]
        if kind == "progress":
            self.update(
                state=line["state"], stage=line["stage"], progress=line["progress"], eta_seconds=line["eta_seconds"]
            )
            return
        with self._lock:
            if kind == "point":
                self._points.append(line["point"])
            elif kind == "log":
                self._lines.append(line["line"])
            elif kind == "candidate":
                report = from_wire(CandidateReport, line["candidate"])
                self._candidates[report.family] = report
                self._ring.set()

    def flush(self) -> None:
        """Send what is not sent yet, now, from the caller's thread (before finish)."""
        with self._lock:
            is_new = bool(self._points or self._lines)
        if is_new and not self.is_stale:
            self._send()

    def _beat(self) -> None:
        while not self._is_ended and not self.is_stale:
            self._send()
            self._ring.wait(HEARTBEAT_S)
            self._ring.clear()
            if not self._is_ended:
                time.sleep(SOONEST_S)

    def _send(self) -> None:
        message = self._next_message()
        try:
            answer = self._control.heartbeat(message)
        except StaleFence:
            self.is_stale = True
            return
        except (ControlUnreachable, ControlRefused):
            return  # the same message, with its sequence number, goes again next time
        with self._lock:
            self._pending = None
        self.cancel = self.cancel or answer.cancel
        self.stop_and_keep_best = self.stop_and_keep_best or answer.stop_and_keep_best

    def _next_message(self) -> RunHeartbeat:
        """The unacknowledged message again, or a new one that carries everything new."""
        with self._lock:
            if self._pending is None:
                self._pending = dataclasses.replace(
                    self._now,
                    sequence=self._now.sequence + 1,
                    candidates=list(self._candidates.values()),
                    curve=self._points[:MOST_POINTS],
                    log=self._lines[:MOST_LINES],
                )
                self._now = dataclasses.replace(self._now, sequence=self._pending.sequence)
                del self._points[:MOST_POINTS], self._lines[:MOST_LINES]
            return self._pending


@contextlib.contextmanager
def pulse_of(control: RunControl, fence: int) -> Any:
    with Pulse(control, fence) as pulse:
        yield pulse
