"""Keeps a share of the requests of endpoints that asked for it, and ships them to control.

Best effort, on purpose: it is called after the answer has left, holds a bounded number of requests in memory, and
drops what does not fit. Nothing waits for it, and what a process holds when it dies is lost.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import time
from collections import deque
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import orjson

from contracts.ids import new_id
from contracts.request_log import MOST_AT_ONCE, MOST_BODY_BYTES, MOST_POST_BYTES
from workers.serve.control import Control, ControlAway, ControlRefused

if TYPE_CHECKING:
    from workers.serve.call import Call
    from workers.serve.directory import Live, Route

log = logging.getLogger(__name__)

MOST_WAITING = 4_000  # requests
MOST_WAITING_BYTES = 16 * 1024 * 1024
SHIP_S = 1.0
HEAD_BYTES = 4096
EXPLAIN = b"/v1/explain/"
JSON = b"application/json"


class Taken:
    """One answered request as it was on the wire."""

    __slots__ = ("at_us", "body", "content_type", "is_cut", "latency_s", "live", "out", "protocol", "route", "units")

    def __init__(self, route: Route, live: Live | None, body: bytes, out: bytes, latency_s: float, units: int) -> None:
        self.route, self.live, self.units, self.latency_s = route, live, units, latency_s
        self.is_cut = len(body) > MOST_BODY_BYTES or len(out) > MOST_BODY_BYTES
        self.body = b"" if len(body) > MOST_BODY_BYTES else body
        self.out = out[:HEAD_BYTES] if len(out) > MOST_BODY_BYTES else out
        self.at_us = time.time_ns() // 1000
        self.protocol, self.content_type = "predict", JSON

    @property
    def bytes(self) -> int:
        return len(self.body) + len(self.out)


class RequestLog:
    def __init__(self, control: Control, executor: Executor) -> None:
        self._control = control
        self._executor = executor
        self._waiting: deque[Taken] = deque()
        self._bytes = 0
        self._post: list[Taken] = []  # on its way; said again until control has it
        self._encoded: bytes | None = None
        self.dropped = 0

    def offer_quick(self, route: Route, live: Live, body: bytes, out: bytes, latency_s: float, units: int) -> None:
        """A good answer of the quick road: JSON rows, and `out` is the whole response."""
        if random.random() < route.log_share:
            self._keep(Taken(route, live, body, out, latency_s, units))

    def offer(self, route: Route, call: Call, latency_s: float) -> None:
        """Any answer of the general road, refusals too. Questions about a model or about an answer are not kept."""
        if call.method != b"POST" or call.out is None or call.path.startswith(EXPLAIN):
            return
        if random.random() >= route.log_share:
            return
        taken = Taken(route, call.live, call.take_body(), call.out, latency_s, call.units)
        taken.content_type = call.headers.get(b"content-type", JSON)[:100]
        if call.path.startswith(b"/v2"):
            taken.protocol = "v2"
            if b"inference-header-content-length" in call.headers or b"content-encoding" in call.headers:
                taken.body, taken.is_cut = b"", True
        self._keep(taken)

    def _keep(self, taken: Taken) -> None:
        if len(self._waiting) >= MOST_WAITING or self._bytes + taken.bytes > MOST_WAITING_BYTES:
            self.dropped += 1
            return
        self._bytes += taken.bytes
        self._waiting.append(taken)

    async def keep_shipping(self) -> None:
        while True:
            await asyncio.sleep(SHIP_S)
            await self.ship()

    async def ship(self) -> None:
        """Post what waits; while control is away, the same again the next time."""
        loop = asyncio.get_running_loop()
        while self._post or self._waiting:
            if not self._post:
                self._post, self._encoded = self._next_post(), None
            if not await loop.run_in_executor(self._executor, self._send):
                return
            self._post = []

    def _next_post(self) -> list[Taken]:
        post: list[Taken] = []
        size = 0
        while self._waiting and len(post) < MOST_AT_ONCE and size < MOST_POST_BYTES:
            taken = self._waiting.popleft()
            self._bytes -= taken.bytes
            size += taken.bytes
            post.append(taken)
        return post

    def _send(self) -> bool:
        """On a thread. False: control is away."""
        if self._encoded is None:
            self._encoded = orjson.dumps({"requests": [as_wire(taken) for taken in self._post]})
        try:
            self._control.requests(self._encoded)
        except ControlAway as error:
            log.warning("control did not take the request log: %s", error)
            return False
        except ControlRefused as error:
            log.error("control refused the request log, it is lost: %s", error)
        return True


def as_wire(taken: Taken) -> dict[str, Any]:
    """contracts.request_log.KeptRequest as a dictionary; what is not text stays out."""
    head, _, answer = taken.out.partition(b"\r\n\r\n")
    named = _headers(head)
    is_cut = taken.is_cut
    try:
        text = answer.decode() if not is_cut and b"json" in named.get(b"content-type", b"") else ""
    except UnicodeDecodeError:
        text = ""
    return {
        "id": new_id("req"),
        "endpoint": taken.route.endpoint.id,
        "at_us": taken.at_us,
        "status": int(taken.out[9:12]),
        "deployment": taken.live.tally.deployment if taken.live else "",
        "model_version": taken.live.version if taken.live else "",
        "request_id": named.get(b"x-request-id", b"").decode("latin-1")[:100],
        "usage_id": named.get(b"usage-id", b"").decode("latin-1")[:60],
        "key": taken.route.key.id,
        "latency_ms": round(taken.latency_s * 1000, 3),
        "units": taken.units,
        "protocol": taken.protocol,
        "content_type": taken.content_type.decode("latin-1"),
        "body": base64.b64encode(taken.body).decode() if text else "",
        "answer": text,
        "is_cut": is_cut or not text or not taken.body,
    }


def _headers(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}
