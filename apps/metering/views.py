"""Usage in detail: by day, endpoint, key, run or model version, over a range that the reader chooses."""

import csv
import io
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.metering.naming import named
from apps.metering.outlook import outlook_of
from apps.metering.queries import GROUPS, usage_by

_DAYS = 30
_TITLES = {
    "day": "Day",
    "endpoint": "Endpoint",
    "key": "Sub-key or key",
    "parent_key": "API key",
    "run": "Run or batch",
    "model_version": "Model version",
}


@needs("read")
def usage(request: OrganisationRequest, organisation: str) -> HttpResponse:
    first, last = _range(request)
    group = request.GET.get("by", "day")
    group = group if group in GROUPS else "day"
    rows = usage_by(
        request.organisation,
        start=datetime.combine(first, time.min, tzinfo=UTC),
        end=datetime.combine(last + timedelta(days=1), time.min, tzinfo=UTC),
        group_by=(group,),
    )
    names = named(request.organisation, group, {row[group] for row in rows})
    for row in rows:
        row["group"] = row[group] if group == "day" else names.get(row[group], row[group] or "–")
    if group == "day":
        rows.sort(key=lambda row: row["day"], reverse=True)
    elif request.GET.get("show") == "units":
        rows.sort(key=lambda row: -row["units"])
    else:
        rows.sort(key=lambda row: -row["amount_micros"])
    if request.GET.get("format") == "csv":
        return _as_csv(rows, group)
    context: dict[str, Any] = {
        "rows": rows,
        "first": first,
        "last": last,
        "group": group,
        "groups": _TITLES.items(),
        "group_title": _TITLES[group],
        "total": sum(row["amount_micros"] for row in rows),
        "tab": "usage",
        "is_cost": request.GET.get("show", "cost") != "units",
        "outlook": outlook_of(request.organisation, datetime.now(tz=UTC).date()),
    }
    return render(request, "metering/usage.html", context)


def _range(request: OrganisationRequest) -> tuple[date, date]:
    today = datetime.now(tz=UTC).date()
    first = _date(request.GET.get("from", "")) or today - timedelta(days=_DAYS - 1)
    last = _date(request.GET.get("to", "")) or today
    return (first, last) if first <= last else (last, first)


def _date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _as_csv(rows: list[dict[str, Any]], group: str) -> HttpResponse:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([group, "meter", "events", "units", "amount_micros"])
    for row in rows:
        writer.writerow([row[group], row["meter"], row["events"], row["units"], row["amount_micros"]])
    response = HttpResponse(out.getvalue(), content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="usage-by-{group}.csv"'
    return response
