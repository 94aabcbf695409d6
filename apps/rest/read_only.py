"""The switch `read-only`, honoured here and nowhere else: people and keys may look, nothing they ask for changes.

Signing in, the console (where the switch is) and the internal API (usage already earned must arrive) go on.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from apps.accounts.queries import reason_for, switch_is_on
from apps.rest.request_ids import rendered
from contracts.problems import Problem

GUARDED = ("/api/", "/o/", "/organisations/", "/invitations/", "/accounts/signup")
RETRY_AFTER_S = 60


class ReadOnlyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _changes_something(request) or not switch_is_on("read-only"):
            return self.get_response(request)
        reason = reason_for("read-only") or "Modelyard is read-only for a moment; what you see is complete."
        problem = Problem("ours:switched-off", reason, retry_after_s=RETRY_AFTER_S)
        if request.path_info.startswith("/api/"):
            return rendered(request, problem)
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        return HttpResponse(reason, status=problem.status, content_type="text/plain; charset=utf-8", headers=headers)


def _changes_something(request: HttpRequest) -> bool:
    return request.method not in ("GET", "HEAD", "OPTIONS", "TRACE") and request.path_info.startswith(GUARDED)
