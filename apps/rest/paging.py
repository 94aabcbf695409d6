"""Lists: newest first, a bounded number at a time, continued by an opaque cursor that inserts cannot shift."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.problems import Problem

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


def page(request: Request, queryset: QuerySet[Any], render: Callable[[Any], Any]) -> Response:
    """Answer `{data, has_more, next_cursor}` for `?limit=&cursor=`; ids sort by age."""
    limit = _limit(request)
    rows = queryset.order_by("-pk")
    if cursor := request.query_params.get("cursor"):
        rows = rows.filter(pk__lt=_position(cursor, queryset))
    found = list(rows[: limit + 1])
    shown = found[:limit]
    has_more = len(found) > limit
    next_cursor = base64.urlsafe_b64encode(str(shown[-1].pk).encode()).decode() if has_more else None
    return Response({"data": [render(row) for row in shown], "has_more": has_more, "next_cursor": next_cursor})


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_LIMIT):
        raise _wrong("limit", f"must be 1 to {MAX_LIMIT}", "Ask for less at a time and follow next_cursor.")
    return int(text)


def _position(cursor: str, queryset: QuerySet[Any]) -> Any:
    try:
        text = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
        if "\x00" in text:
            raise ValueError(text)
        return queryset.model._meta.pk.to_python(text)
    except (binascii.Error, UnicodeError, ValueError, ValidationError):
        raise _wrong("cursor", "is not a cursor of ours", "Use next_cursor of the page before, unchanged.") from None


def _wrong(at: str, message: str, fix: str) -> Problem:
    return Problem("yours:invalid", errors=[{"location": at, "message": message, "fix": fix}])
