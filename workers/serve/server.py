"""The listening side: connections, health, metrics, draining; requests go on to app.py."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from time import monotonic
from typing import Any

import orjson

from workers.serve import oip
from workers.serve.app import Road
from workers.serve.call import Call
from workers.serve.desk import Desk
from workers.serve.endpoint_metrics import endpoint_metrics
from workers.serve.known_heads import KnownHeads
from workers.serve.later import RESULTS
from workers.serve.problems import Refused
from workers.serve.protocol import Connection
from workers.serve.quick_road import QuickRoad
from workers.serve.settings import Settings

LINGER_S = 0.3  # while draining: a connection that was opened or answered so lately is not closed yet
BIG_BODY_BYTES = 1024 * 1024  # from here on the key is checked before the body is read
_REQUEST_ID = re.compile(rb"[0-9A-Za-z._:-]{1,64}")
_SERVER = orjson.dumps(oip.SERVER)


class Server:
    def __init__(
        self, settings: Settings, road: Road, desk: Desk, boot: str, gauges: Callable[[], dict[str, Any]]
    ) -> None:
        self.settings = settings
        self.draining = False
        self.ready: Callable[[], bool] = lambda: False
        self.connections: set[Connection] = set()
        self._road = road
        self._desk = desk
        self._gauges = gauges
        self.known_heads = KnownHeads()
        self.quick_road: QuickRoad  # set once it exists; no head is known before the first request
        self.request_prefix = f"req_{boot.replace('-', '')}".encode()
        self._requests = 0

    # connections

    def join(self, connection: Connection) -> bool:
        if len(self.connections) >= self.settings.max_connections:
            return False
        self.connections.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        self.connections.discard(connection)

    async def sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now_s = monotonic()
            for connection in list(self.connections):
                connection.sweep(now_s)

    # requests

    def accept(self, call: Call) -> None:
        self._identify(call)
        path = call.path
        if path.startswith((b"/v1/predict/", b"/v2/models/", b"/v1/explain/")):
            headers = call.headers
            if b"idempotency-key" in headers or b"prefer" in headers or b"content-encoding" in headers:
                self._desk.take(call)
            else:
                self._road.accept(call)
        elif path.startswith(RESULTS):
            self._desk.fetch(call)
        else:
            self._tell(call, path.partition(b"?")[0])

    def refuse(self, call: Call, refusal: Refused) -> None:
        if not call.request_id:
            self._identify(call)
        self._road.refuse(call, refusal)

    def refuse_early(self, call: Call) -> Refused | None:
        """Before a large body is read: is it too large, and is anybody allowed to send it?"""
        if call.content_length > self.settings.max_body_bytes:
            return self.body_too_large()
        if call.content_length > BIG_BODY_BYTES and self._road.directory is not None:
            try:
                self._road.directory.authenticate(call.headers.get(b"authorization", b""))
            except Refused as refusal:
                return refusal
        return None

    def body_too_large(self) -> Refused:
        return Refused("yours:too-large", f"A body may have at most {self.settings.max_body_bytes} bytes.")

    def _identify(self, call: Call) -> None:
        given = call.headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            call.request_id = given
        else:
            self._requests += 1
            call.request_id = b"%b%x" % (self.request_prefix, self._requests)

    def _tell(self, call: Call, path: bytes) -> None:
        """Health and metrics need no key and tell nothing about customers."""
        known = (b"/v2", b"/v2/", b"/v2/health/live", b"/v2/health/ready", b"/metrics")
        if path not in known:
            self._road.refuse(call, Refused("yours:not-found"))
        elif call.method not in (b"GET", b"HEAD"):
            self._road.refuse(call, Refused("yours:method-not-allowed", "Use GET."))
        elif path == b"/metrics":
            self._answer(call, 200, self._metrics(), b"text/plain; version=0.0.4")
        elif path.startswith(b"/v2/health/"):
            ready = self.ready() and not self.draining
            good = ready or path.endswith(b"live")
            self._answer(call, 200 if good else 503, orjson.dumps({"live": True, "ready": ready}))
        else:
            self._answer(call, 200, _SERVER)

    def _metrics(self) -> bytes:
        text = self._road.metrics.text(self._gauges(), self.settings.slot)
        most = self.settings.metrics_deployments
        if not most:
            return text
        lines = endpoint_metrics(self._road.registry.histograms, self.settings.slot, most)
        return text + ("\n".join(lines) + "\n").encode()

    def _answer(self, call: Call, status: int, body: bytes, content_type: bytes = b"application/json") -> None:
        body = b"" if call.method == b"HEAD" else body
        call.answer(status, b"X-Request-Id: " + call.request_id + b"\r\n", body, content_type)

    # draining

    async def drain(self, listener: asyncio.Server) -> None:
        """Unready; answers say `Connection: close` for a while; then the port closes; then what runs finishes."""
        self.draining = True
        end_s = monotonic() + self.settings.drain_s
        while monotonic() < end_s:
            await asyncio.sleep(0.05)
        listener.close()
        end_s = monotonic() + self.settings.deadline_s
        while monotonic() < end_s and not self._is_quiet():
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.close()
        await asyncio.sleep(0.05)  # let the last bytes leave

    def _is_quiet(self) -> bool:
        """Nothing runs, and nobody connected just now: who did will ask in the next moment."""
        until_s = monotonic() - LINGER_S
        return not self._road.in_flight and all(one.idle and one.since_s < until_s for one in self.connections)
