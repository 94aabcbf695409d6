"""One id per request, in the answer, in problem documents and in the log; and no error under /api/ is a page."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from contracts.ids import new_id
from contracts.problems import Problem

PROBLEM_JSON = "application/problem+json"
MACHINE_PREFIXES = ("/api/", "/internal/")
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}")
_CODE_OF = {
    400: "yours:malformed",
    403: "yours:not-allowed",
    404: "yours:not-found",
    405: "yours:method-not-allowed",
    413: "yours:too-large",
}
current: ContextVar[str] = ContextVar("request_id", default="-")
log = logging.getLogger("apps.rest")


class RequestIdMiddleware:
    """A caller's own X-Request-Id is kept when it is short and plain: a trace can be followed across systems."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        sent = request.headers.get("X-Request-Id", "")
        request.request_id = sent if _ACCEPTED.fullmatch(sent) else new_id("req")  # type: ignore[attr-defined]
        token = current.set(request.request_id)  # type: ignore[attr-defined]
        try:
            response = self.get_response(request)
        finally:
            current.reset(token)
        if _is_page_for_a_machine(request, response):
            response = _as_problem(request, response)
        response.headers["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Views under /api/ and /internal/ that are no DRF views: the same answer, logged once."""
        if not request.path_info.startswith(MACHINE_PREFIXES):
            return None
        if isinstance(error, Problem):
            return rendered(request, error)
        return None


class RequestIdFilter(logging.Filter):
    """Puts `request_id` on every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current.get()
        return True


def rendered(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The problem document as a plain Django response, for middleware and views outside DRF."""
    body: dict[str, Any] = problem.body(getattr(request, "request_id", ""))
    return JsonResponse(body, status=problem.status, content_type=PROBLEM_JSON, headers=headers_of(problem))


def headers_of(problem: Problem) -> dict[str, str]:
    headers = {}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="modelyard"'
    return headers


def _is_page_for_a_machine(request: HttpRequest, response: HttpResponseBase) -> bool:
    if response.status_code < 400 or not request.path_info.startswith(MACHINE_PREFIXES):
        return False
    return "json" not in response.headers.get("Content-Type", "")


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    status = response.status_code
    code = _CODE_OF.get(status, "ours:internal" if status >= 500 else "yours:invalid")
    answer = rendered(request, Problem(code, status=status))
    if "Allow" in response.headers:
        answer.headers["Allow"] = response.headers["Allow"]
    answer._has_been_logged = True  # type: ignore[attr-defined]  # Django logged the page it replaces
    return answer
