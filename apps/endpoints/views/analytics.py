"""Analytics of an endpoint: requests, times, queue, batches, cost, its objective, its deployments beside each other."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.endpoints.queries import endpoint_or_problem
from apps.endpoints.traffic import Analytics, Sums, analytics_of, batch_size, times

# name -> (words, length, step in seconds)
PERIODS: dict[str, tuple[str, timedelta, int]] = {
    "1h": ("Hour", timedelta(hours=1), 60),
    "6h": ("6 hours", timedelta(hours=6), 300),
    "24h": ("Day", timedelta(hours=24), 1800),
    "7d": ("Week", timedelta(days=7), 10_800),
    "30d": ("Month", timedelta(days=30), 43_200),
    "90d": ("90 days", timedelta(days=90), 86_400),
}
_COLOURS = (
    ("answered", "fill-1", "ok"),
    ("refused (4xx)", "fill-3", "client_errors"),
    ("over a limit (429)", "fill-4", "limited"),
    ("failed (5xx)", "bad-fill", "server_errors"),
)

_QUANTILES = {"p50": "half within", "p95": "95 % within", "p99": "99 % within"}


@needs("read")
def analytics(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    period = request.GET.get("period", "1h")
    if period not in PERIODS:
        period = "1h"
    _, length, step_s = PERIODS[period]
    end = timezone.now()
    found = analytics_of(endpoint, end - length + timedelta(seconds=step_s), end, step_s)
    context = {
        "endpoint": endpoint,
        "tab": "analytics",
        "period": period,
        "periods": [(name, words) for name, (words, _, _) in PERIODS.items()],
        "found": found,
        "times": times(found.total.latency_us),
        "errors": sorted(found.total.errors.items(), key=lambda item: -item[1])[:12],
        "deployments": [_deployment(row, sums) for row, sums in found.by_deployment],
        "charts": _charts(found),
    }
    return render(request, "endpoints/analytics.html", context)


def _deployment(row: Any, sums: Sums) -> dict[str, Any]:
    compared = sums.shadow["compared"]
    return {
        "row": row,
        "sums": sums,
        "times": times(sums.latency_us),
        "failed": sums.server_errors / sums.requests if sums.requests else None,
        "disagreed": sums.shadow["disagreed"] / compared if compared else None,
    }


def _charts(found: Analytics) -> dict[str, Any]:
    at: list[datetime] = [moment for moment, _ in found.points]
    sums = [one for _, one in found.points]
    latency = [times(one.latency_us) for one in sums]
    queue = [times(one.queue_us) for one in sums]
    return {
        "at": at,
        "requests": [(name, colour, [getattr(one, field) for one in sums]) for name, colour, field in _COLOURS],
        "latency": {words: [one[name] for one in latency] for name, words in _QUANTILES.items()},
        "queue": {words: [one[name] for one in queue] for name, words in _QUANTILES.items()},
        "batch": {"rows a run": [batch_size(one.batch_rows) for one in sums]},
        "cost": {"cost": [one.cost_micros / 1_000_000 if found.total.cost_micros else None for one in sums]},
    }
