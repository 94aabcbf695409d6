"""One exception for everything that can be told to a caller: a stable code, whose turn it is, what to do (RFC 9457).

Services raise it, the REST layer and the data plane render it as `application/problem+json`, pages as a message.
"""

from typing import Any

from contracts.failures import FAILURES

_STATUS = {
    "yours:not-authenticated": 401,
    "yours:key-expired": 401,
    "yours:key-revoked": 401,
    "yours:no-credit": 402,
    "yours:budget-exhausted": 402,
    "yours:suspended": 402,
    "yours:key-paused": 403,
    "yours:not-allowed": 403,
    "yours:not-found": 404,
    "yours:endpoint-unknown": 404,
    "yours:method-not-allowed": 405,
    "yours:deadline": 408,
    "yours:conflict": 409,
    "yours:state": 409,
    "yours:idempotency-in-flight": 409,
    "yours:endpoint-paused": 409,
    "yours:stale": 412,
    "yours:too-large": 413,
    "yours:file-too-large": 413,
    "yours:unsupported-media": 415,
    "yours:malformed": 400,
    "yours:rate-limited": 429,
    "ours:internal": 500,
}


class Problem(Exception):
    """`code` is one of contracts.failures; `errors` is a list of {location, message, fix}; `extra` goes to the body."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        status: int | None = None,
        errors: list[dict[str, Any]] | None = None,
        retry_after_s: int | None = None,
        **extra: Any,
    ) -> None:
        self.failure = FAILURES[code]
        self.code = code
        self.detail = detail or self.failure.fix
        self.status = status or _STATUS.get(code) or (503 if self.failure.is_ours else 422)
        self.errors = errors or []
        self.retry_after_s = retry_after_s
        self.extra = extra
        super().__init__(f"{code}: {self.detail}")

    def body(self, request_id: str = "") -> dict[str, Any]:
        """Return the problem document."""
        return {
            "type": f"/errors/{self.code.replace(':', '/')}",
            "title": self.failure.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            "errors": self.errors,
            **self.extra,
        }
