"""Ask the data plane as a program would: over HTTP, with a key, metered and billed."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from django.conf import settings

_TIMEOUT_S = 20.0
_NEWS_TAKES_S = 8.0  # a fresh key or endpoint reaches every server within this time
_NOT_YET = ("yours:not-authenticated", "yours:endpoint-unknown", "ours:starting")


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any] = field(default_factory=dict)
    round_trip_ms: float = 0.0

    @property
    def is_good(self) -> bool:
        return self.status == 200


def ask(
    endpoint: str,
    *,
    key: str,
    rows: list[dict[str, Any]] | None = None,
    image: bytes = b"",
    kind: str = "",
    verb: str = "predict",
) -> Answer:
    """One prediction or (`verb` explain) explanation; waits while the news of a fresh key or endpoint spreads."""
    give_up_at = time.monotonic() + _NEWS_TAKES_S
    while True:
        answer = _ask_once(f"{verb}/{endpoint}", key, rows, image, kind)
        is_too_early = answer.body.get("code") in _NOT_YET
        if not is_too_early or time.monotonic() > give_up_at:
            return answer
        time.sleep(0.4)


def _ask_once(path: str, key: str, rows: list[dict[str, Any]] | None, image: bytes, kind: str) -> Answer:
    url = f"{settings.SERVE_INTERNAL_URL}/v1/{path}"
    headers = {"Authorization": f"Bearer {key}"}
    started = time.monotonic()
    try:
        if rows is not None:
            response = httpx.post(url, json={"rows": rows}, headers=headers, timeout=_TIMEOUT_S)
        else:
            response = httpx.post(url, content=image, headers=headers | {"Content-Type": kind}, timeout=_TIMEOUT_S)
        body = response.json()
    except (httpx.HTTPError, ValueError):
        problem = {
            "code": "ours:overloaded",
            "title": "The data plane did not answer",
            "detail": "No server could be reached. Nothing was charged; try again in a moment.",
        }
        return Answer(503, problem)
    return Answer(response.status_code, body, (time.monotonic() - started) * 1000)
