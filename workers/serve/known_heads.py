"""Request heads seen before: most clients send the same one again and again, so it is parsed and resolved only once.

Equal bytes mean equal requests: what llhttp and the directory said about a head the first time holds until the
directory changes. Only plain predictions of JSON rows are remembered; everything else is parsed each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workers.serve.call import Call

if TYPE_CHECKING:
    from workers.serve.directory import Directory, Route
    from workers.serve.protocol import Connection

MOST_HEADS = 8192
MOST_HEAD_BYTES = 2048
# A head with any other header that means something here is not remembered: it differs from request to request.
PLAIN_HEADERS = {b"authorization", b"content-type", b"accept-encoding"}
PREDICT = b"/v1/predict/"


class KnownHead:
    """One head; `route` is its key's way to its endpoint in `directory`, or None where the quick road does not go."""

    __slots__ = ("content_length", "directory", "expires_at", "headers", "path", "route", "since_s", "waiting")

    def __init__(self, call: Call) -> None:
        self.path = call.path
        self.headers = call.headers
        self.content_length = call.content_length
        self.directory: Directory | None = None
        self.route: Route | None = None
        self.expires_at = 0.0
        self.since_s = 0.0  # when the oldest of them came
        self.waiting: list[QuickCall] = []  # of this turn of the loop


class QuickCall:
    """A request whose head is known; `row`s and answer are all there is to it."""

    __slots__ = ("body", "connection", "head", "keep_alive", "out", "units")

    def __init__(self, connection: Connection, head: KnownHead, body: bytes) -> None:
        self.connection = connection
        self.head = head
        self.body = body
        self.keep_alive = True
        self.out: bytes | None = None
        self.units = 1

    def as_call(self) -> Call:
        """The same request for the general road; it takes this one's place in the connection's order."""
        call = Call(self.connection)
        call.path, call.method = self.head.path, b"POST"
        call.headers = dict(self.head.headers)
        call.content_length, call.body, call.keep_alive = self.head.content_length, self.body, self.keep_alive
        self.connection.replace(self, call)
        return call


class KnownHeads:
    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}
        self._once: set[int] = set()  # hashes of heads seen once: only what comes again is worth keeping
        self.get: Callable[[bytes], KnownHead | None] = self._heads.get

    def saw(self, data: bytes, call: Call) -> None:
        """`data` was exactly one request and `call` is what the parser made of it."""
        end = data.find(b"\r\n\r\n") + 4
        if end > MOST_HEAD_BYTES or len(data) - end != call.content_length or not _is_plain(call):
            return
        head = data[:end]
        if b"expect:" in head.lower():  # that client waits for a word from the parser's side
            return
        place = hash(head)
        if place not in self._once:
            if len(self._once) >= MOST_HEADS:
                self._once.clear()
            self._once.add(place)
            return
        if len(self._heads) >= MOST_HEADS:
            self.forget()
        self._heads[head] = KnownHead(call)

    def forget(self) -> None:
        self._heads.clear()


def _is_plain(call: Call) -> Any:
    return (
        call.method == b"POST"
        and call.keep_alive
        and call.path.startswith(PREDICT)
        and b"?" not in call.path
        and call.headers.keys() <= PLAIN_HEADERS
        and call.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == b"application/json"
    )
