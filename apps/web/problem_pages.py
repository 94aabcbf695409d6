"""Problems on pages: what a service refuses becomes a message that says why and links to the code's own page."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from contracts.problems import Problem

_API_PREFIXES = ("/api/", "/internal/", "/stripe/")


class ProblemPageMiddleware:
    """A refused change sends the reader back to the form with the reason; a refused reading shows it as a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Problem) or request.path_info.startswith(_API_PREFIXES):
            return None
        if exception.status == 404:
            raise Http404(exception.detail)
        back = request.headers.get("Referer", "")
        is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
        if request.method == "POST" and is_ours and not request.headers.get("HX-Request"):
            messages.error(request, sentence_of(exception), extra_tags=exception.code)
            return HttpResponseRedirect(back)
        return render(request, "errors/problem.html", {"problem": exception}, status=exception.status)


def sentence_of(problem: Problem) -> str:
    """Title and detail as one message, with the first corrections asked for."""
    parts = [problem.failure.title.rstrip(".") + "."]
    if problem.detail and problem.detail != problem.failure.title:
        parts.append(problem.detail)
    parts += [str(error.get("fix") or error.get("message", "")) for error in problem.errors[:3]]
    return " ".join(part for part in dict.fromkeys(parts) if part)
