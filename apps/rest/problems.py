"""Turns every exception of a REST view into a problem document (RFC 9457) with a stable code."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apps.rest.request_ids import PROBLEM_JSON, headers_of
from contracts.problems import Problem

log = logging.getLogger("apps.rest")


def problem_response(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler. What nobody expected is logged here, once, with its request id."""
    set_rollback()
    request = context["request"]
    request_id = getattr(request, "request_id", "")
    problem = problem_of(error)
    if problem is None:
        log.error("unhandled error in %s %s [%s]", request.method, request.path, request_id, exc_info=error)
        problem = Problem("ours:internal")
    headers = headers_of(problem)
    if isinstance(error, exceptions.MethodNotAllowed):
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
    response = Response(problem.body(request_id), problem.status, headers=headers, content_type=PROBLEM_JSON)
    response._has_been_logged = True  # type: ignore[attr-defined]  # else Django writes a second line
    return response


def problem_of(error: Exception) -> Problem | None:
    """None for what is a bug of ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, exceptions.ValidationError):
        return Problem("yours:invalid", errors=[{"location": at, "message": why} for at, why in flat(error.detail)])
    if isinstance(error, exceptions.MethodNotAllowed):
        return Problem("yours:method-not-allowed", str(error.detail))
    if isinstance(error, exceptions.UnsupportedMediaType):
        return Problem("yours:unsupported-media", str(error.detail))
    if isinstance(error, exceptions.NotAcceptable):
        return Problem("yours:unsupported-media", "This address answers in JSON only.", status=406)
    if isinstance(error, exceptions.Throttled):
        return Problem("yours:rate-limited", retry_after_s=int(getattr(error, "wait", None) or 1) + 1)
    if isinstance(error, exceptions.ParseError):
        return Problem("yours:malformed", str(error.detail))
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return Problem("yours:not-authenticated")
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        return Problem("yours:not-allowed", str(error))
    if isinstance(error, Http404 | exceptions.NotFound):
        return Problem("yours:not-found")
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return Problem("yours:too-large")
    return None


def flat(detail: Any, at: str = "") -> list[tuple[str, str]]:
    """DRF's nested error detail as (location, message) pairs: `rows[3].price`."""
    if isinstance(detail, dict):
        pairs = []
        for name, part in detail.items():
            pairs += flat(part, _inside(at, name))
        return pairs
    if isinstance(detail, list):
        pairs = []
        for position, part in enumerate(detail):
            is_nested = isinstance(part, dict | list)
            pairs += flat(part, f"{at}[{position}]" if is_nested else at)
        return pairs
    return [(at, str(detail))]


def _inside(at: str, name: Any) -> str:
    if name == "non_field_errors":
        return at
    if isinstance(name, int):
        return f"{at}[{name}]"
    return f"{at}.{name}" if at else str(name)
