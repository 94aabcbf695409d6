"""Which requests are traced, and when each step of theirs ended; trace_export.py builds the spans later.

Without a tracer nothing here runs. With one, a request costs a draw; only those that are traced cost more.
"""

from __future__ import annotations

import random
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from workers.serve.call import Call

MAX_WAITING = 4096  # traces that wait for the exporter; more are dropped
_PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")  # W3C Trace Context, version 00


class Trace:
    """One traced request: its ids, and monotonic times of what has happened (0.0: it has not)."""

    __slots__ = ("admitted_s", "authenticated_s", "parent_id", "ran_s", "received_s", "span_id", "trace_id")

    def __init__(self, trace_id: int, parent_id: int) -> None:
        self.trace_id = trace_id
        self.parent_id = parent_id  # 0: this server begins the trace
        self.span_id = random.getrandbits(64) or 1
        self.received_s = monotonic()
        self.authenticated_s = self.admitted_s = self.ran_s = 0.0

    @property
    def header(self) -> bytes:
        return b"traceparent: 00-%032x-%016x-01\r\n" % (self.trace_id, self.span_id)


class Span(NamedTuple):
    name: str
    start_ns: int  # since the epoch
    end_ns: int


class Finished(NamedTuple):
    """Everything the exporter needs; nothing of it refers to the call."""

    trace_id: int
    span_id: int
    parent_id: int
    request: Span
    steps: list[Span]
    attributes: dict[str, Any]


class Tracer:
    def __init__(self, share: float) -> None:
        """`share` of the requests that come without a traceparent are traced, 0 to 1."""
        self.finished: deque[Finished] = deque(maxlen=MAX_WAITING)
        self._share = share
        self._wanted = False

    def sifting(self, find: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        """Wrap the look-up of known heads: a request that is to be traced takes the general road, where times are."""

        def look(head: bytes) -> Any:
            if random.random() < self._share:
                self._wanted = True
                return None
            return find(head)

        return look

    def begin(self, call: Call) -> None:
        """Called when a whole request was read. A caller's own decision, in its traceparent, goes before ours."""
        wanted, self._wanted = self._wanted, False
        parent = call.headers.get(b"traceparent")
        match = _PARENT.fullmatch(parent) if parent is not None else None
        if match is not None and int(match[1], 16) and int(match[2], 16):
            if int(match[3], 16) & 1:
                call.trace = Trace(int(match[1], 16), int(match[2], 16))
        elif wanted:
            call.trace = Trace(random.getrandbits(128) or 1, 0)

    def mark(self, calls: Iterable[Call], step: str) -> None:
        """These calls have just finished a step: authenticated, admitted or ran."""
        now_s = monotonic()
        for call in calls:
            if call.trace is not None:
                setattr(call.trace, f"{step}_s", now_s)

    def end(self, call: Call, status: int) -> bytes:
        """Keep what the exporter needs; return the header for the answer."""
        trace = call.trace
        if trace is None:
            return b""
        call.trace = None
        now_s = monotonic()
        zero_s = time.time() - now_s
        ends = [
            ("authenticate", trace.authenticated_s),
            ("admit", trace.admitted_s),
            ("queue", call.started_s),
            ("run", trace.ran_s),
            ("journal", now_s if trace.ran_s and status == 200 else 0.0),
        ]
        steps, start_s = [], trace.received_s
        for name, end_s in ends:
            if end_s >= start_s:
                steps.append(Span(name, _ns(zero_s + start_s), _ns(zero_s + end_s)))
                start_s = end_s
        path = call.path.partition(b"?")[0].decode("latin-1")
        whole = Span(f"{call.method.decode()} {path}", _ns(zero_s + trace.received_s), _ns(zero_s + now_s))
        about = _about(call, status, path)
        self.finished.append(Finished(trace.trace_id, trace.span_id, trace.parent_id, whole, steps, about))
        return trace.header


def _about(call: Call, status: int, path: str) -> dict[str, Any]:
    about: dict[str, Any] = {
        "http.request.method": call.method.decode(),
        "http.response.status_code": status,
        "url.path": path,
        "modelyard.request_id": call.request_id.decode(),
    }
    if call.route is not None:
        about["modelyard.endpoint"] = call.route.endpoint.id
        about["modelyard.rows"] = call.units
    if call.live is not None:
        about["modelyard.deployment"] = call.live.tally.deployment
        about["modelyard.model_version"] = call.live.version
    return about


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
