"""What can go wrong, as exceptions: one class per kind of answer, each with the stable code and what to do."""

from collections.abc import Mapping
from typing import Any

import httpx


class ModelyardError(Exception):
    """`code` is stable (docs/errors/); `errors` is a list of {location, message, fix}; `status` 0: no answer came."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int = 0,
        title: str = "",
        fix: str = "",
        errors: list[dict[str, Any]] | None = None,
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        self.code = code
        self.detail = detail
        self.status = status
        self.title = title or detail
        self.errors = errors or []
        self.fix = fix or next((str(error["fix"]) for error in self.errors if error.get("fix")), "")
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        super().__init__(self._text())

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON, the way the command prints it."""
        names = ("code", "status", "title", "detail", "fix", "errors", "request_id", "retry_after_s")
        return {name: getattr(self, name) for name in names}

    def _text(self) -> str:
        places = "; ".join(f"{error.get('location', '')}: {error.get('message', '')}" for error in self.errors[:3])
        parts = [f"{self.code}: {self.detail}", places, f"request {self.request_id}" if self.request_id else ""]
        return " | ".join(part for part in parts if part)


class NotAuthenticated(ModelyardError):
    """401: the key is missing, unknown, expired or revoked."""


class PaymentNeeded(ModelyardError):
    """402: no credit, a budget is used up, or the organisation is suspended."""


class NotAllowed(ModelyardError):
    """403: the key is valid, but lacks a scope."""


class NotFound(ModelyardError):
    """404: not here; perhaps another organisation's."""


class Conflict(ModelyardError):
    """409 or 412: in conflict with what is there, or not possible in its present state."""


class Invalid(ModelyardError):
    """Any other 4xx: readable or not, but wrong; see `errors`."""


class RateLimited(ModelyardError):
    """429: `retry_after_s` says when the request fits, and it was longer than the client may wait."""


class ServerFailed(ModelyardError):
    """5xx: the platform's fault; quote `request_id`."""


class NotReachable(ModelyardError):
    """No answer came: wrong address, no network, or a timeout."""


class WaitedTooLong(ModelyardError):
    """What was waited for goes on, but the time of `wait` is over."""


class Refused(ModelyardError):
    """A data set version was refused by its checks, or a run or batch ended without success."""


_BY_STATUS: dict[int, type[ModelyardError]] = {
    401: NotAuthenticated,
    402: PaymentNeeded,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    429: RateLimited,
}


def error_of_answer(response: httpx.Response) -> ModelyardError:
    """The exception for an answer that is not 2xx. Problem details are used where they came."""
    problem = _problem(response)
    status = response.status_code
    shape = _BY_STATUS.get(status) or (ServerFailed if status >= 500 else Invalid)
    return shape(
        str(problem.get("code") or f"http:{status}"),
        str(problem.get("detail") or response.text[:300] or response.reason_phrase),
        status=status,
        title=str(problem.get("title") or ""),
        fix=str(problem.get("fix") or ""),
        errors=[dict(error) for error in problem.get("errors") or [] if isinstance(error, Mapping)],
        request_id=str(problem.get("request_id") or response.headers.get("X-Request-Id", "")),
        retry_after_s=retry_after_s(response),
    )


def error_of_silence(error: httpx.TransportError, url: str) -> NotReachable:
    """The exception for a request that was not answered."""
    words = str(error) or type(error).__name__
    return NotReachable(
        "client:not-reachable", f"{url} did not answer: {words}", fix="Check the address and try again."
    )


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds of the header Retry-After; None where it is missing or a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, Mapping) else {}
