"""The console's theme builds its pages with inline script and style: there, and only there, the policy is looser."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_PREFIX = "/console/"
_LOOSER = {
    "script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "connect-src": ["'self'"],
}


class ConsoleCSPMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path_info.startswith(_PREFIX):
            response._csp_update = _LOOSER  # type: ignore[attr-defined]
        return response
