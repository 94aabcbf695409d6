"""Refusals as problem details: which code, which status, which words, when to come back."""

from typing import Any

import orjson

from contracts.failures import FAILURES

STATUS = {
    "yours:not-authenticated": 401,
    "yours:key-expired": 401,
    "yours:key-revoked": 401,
    "yours:budget-exhausted": 402,
    "yours:suspended": 403,
    "yours:not-allowed": 403,
    "yours:not-found": 404,
    "yours:endpoint-unknown": 404,
    "yours:method-not-allowed": 405,
    "yours:endpoint-paused": 409,
    "yours:idempotency-reuse": 409,
    "yours:too-large": 413,
    "yours:unsupported-media": 415,
    "yours:malformed": 400,
    "yours:invalid": 422,
    "yours:row-invalid": 422,
    "yours:image-pixels": 422,
    "yours:rate-limited": 429,
    "yours:deadline": 504,
    "ours:internal": 500,
    "ours:overloaded": 503,
    "ours:starting": 503,
    "ours:model-unavailable": 503,
    "ours:metering-unavailable": 503,
    "ours:control-unavailable": 503,
}


class Refused(Exception):
    """A request ends here with this code; `detail` says what exactly, `errors` where."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: list[dict[str, str]] | None = None,
        retry_after_s: int = 0,
        status: int = 0,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.errors = errors or []
        self.retry_after_s = retry_after_s
        self.status = status or STATUS[code]
        self.extra = extra or {}


def problem_body(refusal: Refused, request_id: str, *, protocol_error: bool = False) -> bytes:
    """Encode a refusal. `protocol_error` adds the `error` text that Open Inference Protocol clients read."""
    failure = FAILURES[refusal.code]
    detail = f"{refusal.detail} {failure.fix}" if refusal.detail else failure.fix
    body: dict[str, Any] = {
        "type": f"/docs/errors/{refusal.code.replace(':', '-')}",
        "title": failure.title,
        "status": refusal.status,
        "detail": detail,
        "code": refusal.code,
        "request_id": request_id,
        "errors": refusal.errors,
        **refusal.extra,
    }
    if protocol_error:
        body["error"] = f"{failure.title}: {detail}"
    return orjson.dumps(body)


def field_error(location: str, message: str, fix: str) -> dict[str, str]:
    """One entry of `errors`."""
    return {"location": location, "message": message, "fix": fix}
