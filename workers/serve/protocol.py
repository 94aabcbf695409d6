"""The HTTP/1.1 connection: llhttp parses, sizes are bounded, answers leave in the order of the questions."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

import httptools

from workers.serve.call import Call
from workers.serve.known_heads import KnownHead, QuickCall
from workers.serve.problems import Refused

if TYPE_CHECKING:
    from workers.serve.server import Server

# Other headers are counted against the size limit and forgotten. Sticky endpoints add theirs (config.py).
KEPT_HEADERS = {
    b"authorization",
    b"content-type",
    b"content-encoding",
    b"accept-encoding",
    b"idempotency-key",
    b"x-request-id",
    b"x-deadline-ms",
    b"x-scale-up-timeout",
    b"prefer",
    b"inference-header-content-length",
    b"traceparent",
}
MAX_PIPELINED = 64  # unanswered requests of one connection before it is no longer read
MAX_URL_BYTES = 2048
MOST_REMEMBERED_BYTES = 64 * 1024  # of a request, while its head is learnt


class Connection(asyncio.Protocol):
    """One client. `server` takes finished requests through `accept(call)`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.closed = False
        self.deaf = False  # after a refusal that ends the connection, or while closing
        self.paused = False
        self._write_blocked = False
        self._waits_for_go = False  # the client wants to hear that its body is welcome
        self.since_s = monotonic()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._calls: deque[Call | QuickCall] = deque()
        self._parsed: Call | None = None  # the last whole request of the data that just came
        self._first = b""  # the beginning of a request whose head may be worth remembering
        self._known: KnownHead | None = None  # a head that waits for its body
        self._known_bytes = b""
        self._call: Call | None = None
        self._header_bytes = 0
        self._body_bytes = 0

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if not self.server.join(self):
            self.closed = True
            transport.abort()  # type: ignore[attr-defined]

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self.server.leave(self)
        self._calls.clear()

    def data_received(self, data: bytes) -> None:
        if self.deaf or self._is_known(data):
            return
        first, self._first = self._first, b""
        data = self._take_known_head() + data
        is_fresh = self._call is None
        self._parsed = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(Refused("yours:malformed", "Protocol upgrades are not supported."))
        except httptools.HttpParserError as error:
            if not self.deaf:
                self._refuse(Refused("yours:malformed", f"The HTTP message is broken ({error})."))
        if is_fresh or first:
            self._remember(first + data)
        if len(self._calls) > MAX_PIPELINED and not self.paused:
            self._pause()

    def _is_known(self, data: bytes) -> bool:
        """Take the quick road with a request whose head was seen before; many clients send the body by itself."""
        server = self.server
        if self._known is not None:
            head = self._known
            if len(data) != head.content_length:
                return False
            self._known = None
        elif self._call is None and not self._calls and not server.draining:
            end = data.find(b"\r\n\r\n") + 4
            found = server.known_heads.get(data[:end])
            if found is None:
                return False
            if len(data) == end and found.content_length:
                self._known, self._known_bytes, self.since_s = found, data, monotonic()
                return True
            if len(data) - end != found.content_length:
                return False
            head, data = found, data[end:]
        else:
            return False
        self._calls.append(server.quick_road.accept(self, head, data))
        return True

    def _take_known_head(self) -> bytes:
        """What came after a known head was not just its body: the parser takes both."""
        if self._known is None:
            return b""
        self._known = None
        return self._known_bytes

    def _remember(self, data: bytes) -> None:
        """Learn the head when `data` was one whole request; when it is the beginning of one, wait for the rest."""
        if self._parsed is None:
            self._first = data if len(data) <= MOST_REMEMBERED_BYTES else b""
        elif self._call is None:
            self.server.known_heads.saw(data, self._parsed)

    def eof_received(self) -> bool:
        self.deaf = True
        if self._calls:  # a client may half-close and still wait for its answers
            self._calls[-1].keep_alive = False
        return bool(self._calls)

    def pause_writing(self) -> None:
        self._write_blocked = True
        self._pause()

    def resume_writing(self) -> None:
        self._write_blocked = False
        self._resume()

    # httptools

    def on_message_begin(self) -> None:
        self._call = Call(self)
        self._header_bytes = self._body_bytes = 0
        self.since_s = monotonic()

    def on_url(self, url: bytes) -> None:
        call = self._current()
        call.path += url
        if len(call.path) > MAX_URL_BYTES:
            self._refuse(Refused("yours:too-large", f"The address is longer than {MAX_URL_BYTES} bytes.", status=414))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        name = name.lower()
        if name in KEPT_HEADERS:
            self._current().headers[name] = value
        elif name == b"content-length":
            self._current().content_length = int(value) if value.isdigit() else 0
        elif name == b"expect" and value.lower() == b"100-continue":
            self._waits_for_go = True
        if self._header_bytes > self.server.settings.max_header_bytes:
            self._refuse(Refused("yours:too-large", "The headers are too large.", status=431))

    def on_headers_complete(self) -> None:
        call = self._current()
        call.method = self._parser.get_method()
        call.keep_alive = self._parser.should_keep_alive()
        refusal = self.server.refuse_early(call)
        if refusal is not None:
            self._refuse(refusal)
        elif self._waits_for_go and not self._calls:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._waits_for_go = False

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > self.server.settings.max_body_bytes:
            self._refuse(self.server.body_too_large())
            return
        call = self._current()
        if isinstance(call.body, list):
            call.body.append(data)
        elif call.body:
            call.body = [call.body, data]
        else:
            call.body = data

    def on_message_complete(self) -> None:
        call, self._call = self._current(), None
        if self.deaf:
            return
        if not call.keep_alive:
            self.deaf = True
        self._calls.append(call)
        self._parsed = call
        self.server.accept(call)

    # answers

    def send_ready(self) -> None:
        """Write every answer whose predecessors are written."""
        calls = self._calls
        while calls and (out := calls[0].out) is not None:
            call = calls.popleft()
            self._write(out)
            if not call.keep_alive:
                self.close()
                return
        if not calls:
            self.since_s = monotonic()
        if self.paused:
            self._resume()

    def replace(self, quick: QuickCall, call: Call) -> None:
        """The general road answers in place of the quick one."""
        self._calls[self._calls.index(quick)] = call

    def sweep(self, now_s: float) -> None:
        """Once a second: end clients that are too slow to ask, or silent for too long."""
        if self._calls:
            return
        if self._known is not None:
            self._parser.feed_data(self._take_known_head())
        if self.deaf:  # closing: a client that does not read its answer is cut off
            if now_s - self.since_s > self.server.settings.receive_s and self._transport is not None:
                self._transport.abort()
            return
        if self._call is not None:
            if now_s - self.since_s > self.server.settings.receive_s:
                self._refuse(Refused("yours:malformed", "The request did not arrive in time.", status=408))
        elif now_s - self.since_s > self.server.settings.idle_s:
            self.close()

    @property
    def idle(self) -> bool:
        return not self._calls and self._call is None and self._known is None

    def close(self) -> None:
        """Send what is written and close."""
        self.deaf = True
        if self._transport is not None:
            self._transport.close()

    def _refuse(self, refusal: Refused) -> None:
        """Answer in turn and read nothing more from this client."""
        if self.deaf:
            return
        self.deaf = True
        call = self._call or Call(self)
        call.keep_alive = False
        self._calls.append(call)
        self.server.refuse(call, refusal)

    def _current(self) -> Call:
        if self._call is None:
            self._call = Call(self)
        return self._call

    def _write(self, data: bytes) -> None:
        if not self.closed and self._transport is not None:
            self._transport.write(data)

    def _pause(self) -> None:
        if self._transport is not None and not self.paused and not self.closed:
            self.paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._transport is None or self.closed or self._write_blocked:
            return
        if self.paused and len(self._calls) <= MAX_PIPELINED:
            self.paused = False
            self._transport.resume_reading()
