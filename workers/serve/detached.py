"""A call whose answer goes to whoever asked for it inside this process, instead of to an HTTP connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.serve.call import Call

if TYPE_CHECKING:
    from workers.serve.protocol import Connection


_OF_ONE_CALL = (b"x-request-id", b"ratelimit", b"ratelimit-policy")


@dataclass(frozen=True)
class Answer:
    """What an HTTP client would read: `headers` are whole lines, without Content-Type and Content-Length."""

    status: int
    headers: bytes
    body: bytes
    content_type: bytes


class DetachedCall(Call):
    """Walks the same road as any other call; `answered_with` gets the Answer, once, on the event loop."""

    __slots__ = ("_is_gone", "answered_with")

    def __init__(self, answered_with: Callable[[Answer], None], is_gone: Callable[[], bool]) -> None:
        super().__init__(_NOWHERE)
        self.answered_with = answered_with
        self._is_gone = is_gone

    @property
    def gone(self) -> bool:
        return self._is_gone()

    def answer(self, status: int, headers: bytes, body: bytes, content_type: bytes = b"application/json") -> None:
        if not self.answered:
            self.answered = True
            self.answered_with(Answer(status, headers, body, content_type))


_NOWHERE: Connection = None  # type: ignore[assignment]  # never looked at: `gone` and `answer` stand in front of it


def detach(call: Call, answered_with: Callable[[Answer], None], is_gone: Callable[[], bool]) -> DetachedCall:
    """A detached copy of a request that has arrived but is not on the road yet."""
    copy = DetachedCall(answered_with, is_gone)
    copy.method, copy.path, copy.headers, copy.body = call.method, call.path, call.headers, call.body
    copy.request_id, copy.encoding = call.request_id, call.encoding
    return copy


def pass_on(call: Call) -> Callable[[Answer], None]:
    """Return a function that gives the Answer to a waiting call."""

    def give(answer: Answer) -> None:
        call.answer(answer.status, answer.headers, answer.body, answer.content_type)

    return give


def headers_of_kept(call: Call, answer: Answer) -> bytes:
    """A kept answer's headers, with the request id and the rate limits of the call that gets it now."""
    lines = [line for line in answer.headers.split(b"\r\n") if line]
    kept = [line for line in lines if line.partition(b":")[0].lower() not in _OF_ONE_CALL]
    return b"\r\n".join([*kept, b""]) + call.rate_headers + b"X-Request-Id: " + call.request_id + b"\r\n"


def header_pairs(headers: bytes) -> list[tuple[str, str]]:
    """Header lines as (lower-case name, value)."""
    pairs: list[Any] = [line.partition(": ") for line in headers.decode("latin-1").split("\r\n") if line]
    return [(name.lower(), value) for name, _, value in pairs]
