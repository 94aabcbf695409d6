"""Take down the requests that a server kept, for endpoints that ask for it now; a repeated post adds nothing."""

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.endpoints.models import Deployment, Endpoint
from apps.learning.models import LoggedRequest
from contracts.request_log import MOST_AT_ONCE, MOST_BODY_BYTES, KeptRequest

AHEAD = timedelta(minutes=5)  # a server's clock may be a little fast
ROW_BYTES = 200  # what a row weighs beside question and answer


def keep_requests(requests: list[KeptRequest]) -> int:
    """Return how many rows were new. What names a foreign deployment, or an endpoint whose log is off, is left out."""
    asked = {one.endpoint for one in requests}
    endpoints = Endpoint.objects.filter(id__in=asked, deleted_at=None, log_share__gt=0).in_bulk()
    named = {one.deployment for one in requests if one.deployment}
    owners = dict(Deployment.objects.filter(id__in=named).values_list("id", "endpoint_id"))
    versions = dict(Deployment.objects.filter(id__in=named).values_list("id", "model_version_id"))
    rows = [
        _row(one, endpoints[one.endpoint], versions.get(one.deployment))
        for one in requests[:MOST_AT_ONCE]
        if one.endpoint in endpoints and (not one.deployment or owners.get(one.deployment) == one.endpoint)
    ]
    before = LoggedRequest.objects.filter(id__in=[row.id for row in rows]).count()
    LoggedRequest.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows) - before


def _row(one: KeptRequest, endpoint: Endpoint, version: str | None) -> LoggedRequest:
    body = _body(one.body)
    answer = _answer(one.answer)
    code = str(answer.get("code", ""))[:60] if isinstance(answer, dict) and one.status >= 300 else ""
    at = datetime.fromtimestamp(one.at_us / 1e6, UTC)
    return LoggedRequest(
        id=one.id[:40],
        organisation_id=endpoint.organisation_id,
        endpoint=endpoint,
        model_version_id=version,
        at=min(at, timezone.now() + AHEAD),
        status=one.status,
        code=code,
        request_id=one.request_id[:100],
        usage_id=one.usage_id[:60],
        key=one.key[:40],
        latency_ms=one.latency_ms,
        units=max(0, one.units),
        protocol=one.protocol[:10],
        content_type=one.content_type[:100],
        body=body,
        answer=answer,
        is_cut=one.is_cut,
        size_bytes=len(body) + len(one.answer) + ROW_BYTES,
    )


def _body(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)[:MOST_BODY_BYTES]
    except (binascii.Error, ValueError):
        return b""


def _answer(text: str) -> Any:
    """The answer as an object that PostgreSQL can hold, or None."""
    try:
        found = json.loads(text, parse_constant=lambda _: None) if text and "\\u0000" not in text else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
