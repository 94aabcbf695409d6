"""What a server kept of the requests of an endpoint that asked for it, as it ships it to control."""

from dataclasses import dataclass, field

MOST_BODY_BYTES = 256 * 1024  # of a question, and of an answer; a longer one is kept without it
MOST_AT_ONCE = 200  # requests in one post
MOST_POST_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True)
class KeptRequest:
    id: str  # req_…, made by the server: a repeated post adds nothing
    endpoint: str
    at_us: int  # when it was answered; microseconds since the epoch, UTC
    status: int
    deployment: str = ""  # empty: it was refused before one was chosen
    model_version: str = ""
    request_id: str = ""
    usage_id: str = ""
    key: str = ""
    latency_ms: float = 0.0
    units: int = 0
    protocol: str = "predict"  # "predict" | "v2"
    content_type: str = ""
    body: str = ""  # base64
    answer: str = ""  # JSON
    is_cut: bool = False  # the question or the answer was too long, or was not text, and is not kept


@dataclass(frozen=True)
class RequestsPost:
    """Body of `POST /internal/v1/requests`."""

    requests: list[KeptRequest] = field(default_factory=list)
