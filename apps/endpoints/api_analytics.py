"""REST: what an endpoint answered over time, how fast, and how its deployments compare."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.endpoints.models import Deployment
from apps.endpoints.queries import endpoint_or_problem
from apps.endpoints.services.add_traffic import KEEP_HOURS, KEEP_MINUTES
from apps.endpoints.traffic import MAX_POINTS, STEPS_S, Analytics, Sums, analytics_of, batch_size, times
from apps.rest.authentication import OrganisationRequest
from contracts.problems import Problem

_NAMES = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "3h": 10_800,
    "6h": 21_600,
    "12h": 43_200,
    "1d": 86_400,
}


class EndpointAnalytics(APIView):
    @extend_schema(
        operation_id="endpoints_analytics",
        tags=["endpoints"],
        parameters=[
            OpenApiParameter("from", str, description="Moment (UTC); default: an hour ago"),
            OpenApiParameter("to", str, description="Exclusive moment; default: now"),
            OpenApiParameter("step", str, description=f"{', '.join(_NAMES)}; default: what gives about 60 points"),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Requests by status, latency, queue time, batch size, errors, cost; in all, over time and by deployment."""
        found = endpoint_or_problem(request.organisation, endpoint)
        now = timezone.now()
        end = _moment(request, "to") or now
        start = _moment(request, "from") or end - timedelta(hours=1)
        if not start < end <= start + KEEP_HOURS + timedelta(days=1):
            raise _wrong("from", "must be before `to`, and at most 90 days", "Ask for a shorter time.")
        step_s = _step_s(request, start, end, now)
        if (end - start).total_seconds() / step_s > MAX_POINTS:
            raise _wrong("step", f"gives more than {MAX_POINTS} points", "Ask for a longer step or a shorter time.")
        return Response(analytics_json(analytics_of(found, start, end, step_s), request.organisation.currency))


def step_for(start: datetime, end: datetime, now: datetime) -> int:
    """The step that gives about 60 points; minutes are kept for two days only."""
    span_s = (end - start).total_seconds()
    least = 3600 if start < now - KEEP_MINUTES else 60
    return next((step for step in STEPS_S if step >= least and span_s / step <= 75), STEPS_S[-1])


def analytics_json(found: Analytics, currency: str) -> dict[str, Any]:
    return {
        "object": "endpoint_analytics",
        "from": found.start.isoformat(),
        "to": found.end.isoformat(),
        "step_s": found.step_s,
        "currency": currency,
        "slo": {
            "ms": found.slo_ms,
            "within": _rounded(found.within_slo),
            "objective": 0.95,
            "error_budget_left": _rounded(found.budget_left),
        },
        "total": _sums_json(found.total),
        "data": [{"at": at.isoformat(), **_sums_json(sums)} for at, sums in found.points],
        "deployments": [{**_deployment_json(row), **_sums_json(sums)} for row, sums in found.by_deployment],
    }


def _sums_json(sums: Sums) -> dict[str, Any]:
    return {
        "requests": sums.requests,
        "statuses": {
            "2xx": sums.ok,
            "4xx": sums.client_errors,
            "429": sums.limited,
            "5xx": sums.server_errors,
        },
        "errors": sums.errors,
        "latency_ms": times(sums.latency_us),
        "queue_ms": times(sums.queue_us),
        "batch_rows": batch_size(sums.batch_rows),
        "units": sums.units,
        "cost_micros": sums.cost_micros,
        "shadow": sums.shadow,
    }


def _deployment_json(row: Deployment | None) -> dict[str, Any]:
    if row is None:
        return {"deployment": None, "model_version": None, "weight": None, "is_shadow": False}
    return {
        "deployment": row.pk,
        "model_version": row.model_version_id,
        "weight": row.weight,
        "is_shadow": row.shadow,
    }


def _step_s(request: OrganisationRequest, start: datetime, end: datetime, now: datetime) -> int:
    text = request.query_params.get("step", "")
    if not text:
        return step_for(start, end, now)
    step_s = _NAMES.get(text) or (int(text) if text.isdigit() and int(text) in STEPS_S else 0)
    if not step_s:
        raise _wrong("step", f"{text[:20]!r} is unknown", f"Use one of {', '.join(_NAMES)}.")
    if step_s < 3600 and start < now - KEEP_MINUTES:
        raise _wrong("step", "minutes are kept for two days", "Use 1h or longer for older times.")
    return step_s


def _moment(request: OrganisationRequest, name: str) -> datetime | None:
    text = request.query_params.get(name, "").replace(" ", "+")  # an unescaped + of an offset arrives as a space
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise _wrong(name, f"{text[:40]!r} is no moment", "Write 2026-05-01T00:00:00Z.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _wrong(location: str, message: str, fix: str) -> Problem:
    return Problem("yours:invalid", errors=[{"location": location, "message": message, "fix": fix}])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
