"""Refusals of the data plane: the shared problem with the fix in its detail, and its bytes."""

from typing import Any

import orjson

from contracts.failures import FAILURES
from contracts.problems import Problem


class Refused(Problem):
    """A request ends here with this code; `detail` says what exactly, `errors` where."""

    limited_by: Any = None  # whose rate limits the answer tells, where the request did not come as far as an endpoint

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: list[dict[str, Any]] | None = None,
        retry_after_s: int | None = None,
        status: int | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        said = f"{detail} {FAILURES[code].fix}" if detail else ""
        super().__init__(code, said, status=status, errors=errors, retry_after_s=retry_after_s, **(extra or {}))


def problem_bytes(refusal: Refused, request_id: str, *, protocol_error: bool = False) -> bytes:
    """Encode a refusal. `protocol_error` adds the `error` text that Open Inference Protocol clients read."""
    body = refusal.body(request_id)
    if protocol_error:
        body["error"] = f"{body['title']}: {refusal.detail}"
    return orjson.dumps(body)


def field_error(location: str, message: str, fix: str) -> dict[str, str]:
    """One entry of `errors`."""
    return {"location": location, "message": message, "fix": fix}
