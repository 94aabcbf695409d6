"""One request on its way through the data plane: what is known of it so far, and how it is answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.serve.directory import Live, Route
    from workers.serve.explain_ask import Ask
    from workers.serve.leases import Lease
    from workers.serve.protocol import Connection
    from workers.serve.sessions import Model
    from workers.serve.trace import Trace

ROWS = 1  # JSON rows, decoded together with the rows of other requests
IMAGE = 2  # one encoded image
TENSORS = 3  # Open Inference Protocol: decoded alone
IMAGES = 4  # several encoded images of one request
EXPLANATION = 5  # why an answer is what it is; `asked` says of what

_REASON = {int(status): status.phrase.encode() for status in HTTPStatus}


class Call:
    """Slots only: one is made per request on the hot path."""

    __slots__ = (
        "admitted",
        "amount_micros",
        "answered",
        "arrived_s",
        "asked",
        "body",
        "connection",
        "content_length",
        "counted",
        "deadline_s",
        "encoding",
        "feed",
        "headers",
        "idempotency_key",
        "keep_alive",
        "kind",
        "leases",
        "live",
        "method",
        "model",
        "model_version",
        "out",
        "path",
        "predictions",
        "rate_headers",
        "request_id",
        "route",
        "rows",
        "seat",
        "shape",
        "started_s",
        "trace",
        "units",
        "usage_id",
    )

    asked: Ask  # explanations only; nothing is set for others, because that would cost them

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.path = b""
        self.method = b""
        self.headers: dict[bytes, bytes] = {}
        self.body: bytes | list[bytes] = b""
        self.content_length = 0
        self.keep_alive = True
        self.arrived_s = 0.0
        self.deadline_s = 0.0
        self.request_id = b""
        self.route: Route | None = None
        self.kind = 0
        self.units = 0
        self.amount_micros = 0
        self.rows: list[dict[str, Any]] | None = None
        self.feed: dict[str, Any] | None = None
        self.shape: Any = None  # what must be equal for two feeds to share a batch
        self.encoding: Any = None  # how a protocol wants its answer; None: the plain JSON contract
        self.model: Model | None = None
        self.model_version = ""
        self.live: Live | None = None  # the deployment that answers
        self.started_s = 0.0  # its run began
        self.trace: Trace | None = None  # few are traced, and none without a tracer
        self.leases: tuple[Lease, ...] = ()
        self.admitted = False  # counts in the concurrency of its organisation
        self.seat = ""  # its name among the requests of its key that are under way, where those are limited
        self.counted = False  # counts in the load of this process
        self.predictions: Any = None
        self.rate_headers = b""
        self.idempotency_key = b""
        self.usage_id = ""
        self.out: bytes | None = None
        self.answered = False

    @property
    def gone(self) -> bool:
        """Nobody is listening any more."""
        return self.connection.closed

    def answer(self, status: int, headers: bytes, body: bytes, content_type: bytes = b"application/json") -> None:
        """Give the answer once; the connection sends answers in the order of the questions."""
        if self.answered:
            return
        self.answered = True
        keep_alive = self.keep_alive and not self.connection.server.draining
        self.out = b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b%b\r\n%b" % (
            status,
            _REASON.get(status, b""),
            content_type,
            len(body),
            headers,
            b"" if keep_alive else b"Connection: close\r\n",
            body,
        )
        if not keep_alive:
            self.keep_alive = False
        self.connection.send_ready()

    def take_body(self) -> bytes:
        """Return the whole body as one bytes object."""
        if isinstance(self.body, list):
            self.body = b"".join(self.body)
        return self.body
