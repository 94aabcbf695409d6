"""REST of usage: what was used and what it cost, by day, endpoint and key."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.metering.models import UsageEvent
from apps.metering.queries import GROUPS, key_family, usage_by
from apps.metering.rules import EPOCH, month_of, month_start
from apps.rest.authentication import OrganisationRequest
from apps.rest.openapi import listed
from contracts.problems import Problem

_LONGEST = timedelta(days=400)
_FEED_ROWS = 500
_SETTLE = timedelta(seconds=30)


class CloudEvent(serializers.Serializer[Any]):
    specversion = serializers.CharField()
    id = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # CloudEvents' word, not DRF's attribute
    type = serializers.CharField()
    subject = serializers.CharField(allow_null=True)
    time = serializers.DateTimeField()
    datacontenttype = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]  # CloudEvents' word, not DRF's attribute


class Usage(APIView):
    @extend_schema(
        operation_id="list_usage",
        parameters=[
            OpenApiParameter("from", str, description="First day or moment (UTC), default: start of this month"),
            OpenApiParameter("to", str, description="Exclusive moment; a plain day is included whole. Default: now"),
            OpenApiParameter(
                "group_by",
                str,
                description="Comma-separated: day, endpoint, key, parent_key (with its sub-keys), model_version, run",
            ),
            OpenApiParameter("key", str, description="Only this key and the sub-keys issued under it"),
        ],
    )
    def get(self, request: OrganisationRequest) -> Response:
        start = _moment(request, "from") or month_start(month_of(timezone.now()))
        end = _moment(request, "to", is_end=True) or timezone.now() + timedelta(microseconds=1)
        if not start <= end <= start + _LONGEST:
            raise _wrong("to", "must be after `from` and at most 400 days later", "Ask for a shorter time.")
        wanted = request.query_params.get("group_by", "day")
        groups = list(dict.fromkeys(part.strip() for part in wanted.split(",") if part.strip()))
        if unknown := [group for group in groups if group not in GROUPS]:
            raise _wrong("group_by", f"{unknown[0]!r} is unknown", f"Use any of {', '.join(GROUPS)}.")
        key = request.query_params.get("key", "")
        if "\x00" in key:
            raise _wrong("key", "is not the id of a key", "Use the id of one of your keys.")
        keys = key_family(request.organisation, key) if key else None
        rows = usage_by(request.organisation, start=start, end=end, group_by=groups, keys=keys)
        return Response(
            {
                "object": "usage",
                "from": start.isoformat(),
                "to": end.isoformat(),
                "group_by": groups,
                "currency": request.organisation.currency,
                "events": sum(row["events"] for row in rows),
                "amount_micros": sum(row["amount_micros"] for row in rows),
                "data": rows,
            }
        )


class UsageFeed(APIView):
    """Every usage event in the order it was recorded, as CloudEvents 1.0, to be followed by its cursor."""

    @extend_schema(operation_id="follow_usage", responses=listed(CloudEvent))
    def get(self, request: OrganisationRequest) -> Response:
        since = _moment(request, "since") or EPOCH
        after = request.query_params.get("cursor", "")
        text, _, last_id = after.partition("|")
        events = UsageEvent.objects.of(request.organisation).order_by("recorded_at", "pk")
        if after:
            moment = parse_datetime(text)
            if moment is None or moment.tzinfo is None or "\x00" in last_id:
                raise _wrong("cursor", "is not a cursor of ours", "Use next_cursor of the page before, unchanged.")
            events = events.filter(Q(recorded_at__gt=moment) | Q(recorded_at=moment, pk__gt=last_id))
        # What is younger may still be overtaken by a transaction that began earlier.
        settled = timezone.now() - _SETTLE
        rows = list(events.filter(recorded_at__gte=since, recorded_at__lt=settled)[: _FEED_ROWS + 1])
        shown = rows[:_FEED_ROWS]
        return Response(
            {
                "data": [cloud_event(event) for event in shown],
                "has_more": len(rows) > _FEED_ROWS,
                "next_cursor": f"{shown[-1].recorded_at.isoformat()}|{shown[-1].pk}" if shown else after or None,
            }
        )


def cloud_event(event: UsageEvent) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event.pk,
        "source": f"/organisations/{event.organisation_id}",
        "type": f"modelyard.usage.{event.meter}",
        "subject": event.endpoint or event.run or None,
        "time": event.occurred_at.isoformat(),
        "datacontenttype": "application/json",
        "data": shown_event(event),
    }


class OneUsage(APIView):
    @extend_schema(operation_id="get_usage")
    def get(self, request: OrganisationRequest, usage_id: str) -> Response:
        event = UsageEvent.objects.of(request.organisation).filter(pk=usage_id).first()
        if event is None:
            raise Problem("yours:not-found", "There is no such usage here; it arrives within seconds of the answer.")
        return Response(shown_event(event))


def shown_event(event: UsageEvent) -> dict[str, Any]:
    return {
        "id": event.pk,
        "object": "usage_event",
        "meter": event.meter,
        "endpoint": event.endpoint or None,
        "key": event.key or None,
        "model_version": event.model_version or None,
        "run": event.run or None,
        "units": event.units,
        "price": event.price,
        "amount_micros": event.amount_micros,
        "currency": event.currency,
        "occurred_at": event.occurred_at.isoformat(),
        "recorded_at": event.recorded_at.isoformat(),
        "period": event.period.isoformat(),
        "late": event.late,
    }


def _moment(request: OrganisationRequest, name: str, *, is_end: bool = False) -> datetime | None:
    text = request.query_params.get(name, "").replace(" ", "+")  # an unescaped + of an offset arrives as a space
    if not text:
        return None
    try:
        day: date | None = parse_date(text)
        moment = parse_datetime(text) if day is None else None
        if day is not None:
            return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=int(is_end))
        if moment is not None:
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise _wrong(name, "is no day or moment", "Write 2026-11-01 or 2026-11-01T12:00:00Z.")


def _wrong(at: str, message: str, fix: str) -> Problem:
    return Problem("yours:invalid", errors=[{"location": at, "message": message, "fix": fix}])
