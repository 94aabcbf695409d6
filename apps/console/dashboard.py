"""The operators' first page: what runs, what is stuck, whether the books add up."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Organisation, Switch
from apps.compute.models import Node
from apps.compute.rules import NODE_SILENT_AFTER_S
from apps.datasets.models import DatasetVersion
from apps.endpoints.models import Endpoint
from apps.ledger.models import LedgerEntry
from apps.metering.models import UsageEvent
from apps.outbox.models import OutboxMessage
from apps.training.models import Run
from contracts.jobs import RUN_ACTIVE_STATES, RUN_STATES

_STUCK_AFTER = timedelta(minutes=10)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Called by the theme for /console/."""
    now = timezone.now()
    context |= {
        "tiles": _tiles(now),
        "runs_by_state": _runs_by_state(),
        "stuck_runs": _stuck_runs(now),
        "nodes": [
            {
                "node": node,
                "is_silent": node.last_seen_at is None
                or node.last_seen_at < now - timedelta(seconds=NODE_SILENT_AFTER_S),
            }
            for node in Node.objects.select_related("pool").order_by("kind", "name")
        ],
        "ledger": _ledger(),
        "switches": Switch.objects.order_by("name"),
    }
    return context


def _tiles(now: Any) -> list[dict[str, Any]]:
    day = now - timedelta(days=1)
    events = UsageEvent.objects.filter(occurred_at__gte=day)
    dead = OutboxMessage.objects.exclude(dead_at=None).filter(done_at=None).count()
    waiting = OutboxMessage.objects.filter(
        done_at=None, dead_at=None, available_at__lte=now - timedelta(seconds=30)
    ).count()
    refused = DatasetVersion.objects.filter(
        state__in=("received", "checking"), created_at__lt=now - _STUCK_AFTER
    ).count()
    return [
        _tile("Organisations", Organisation.objects.count(), "admin:accounts_organisation_changelist"),
        _tile(
            "Endpoints alive", Endpoint.objects.filter(deleted_at=None).count(), "admin:endpoints_endpoint_changelist"
        ),
        _tile("Usage records, 24 h", events.count(), "admin:metering_usageevent_changelist"),
        _tile("Outbox: given up", dead, "admin:outbox_outboxmessage_changelist", is_alarm=dead > 0),
        _tile("Outbox: late", waiting, "admin:outbox_outboxmessage_changelist", is_alarm=waiting > 0),
        _tile("Uploads stuck", refused, "admin:datasets_datasetversion_changelist", is_alarm=refused > 0),
    ]


def _tile(title: str, value: int, address: str, *, is_alarm: bool = False) -> dict[str, Any]:
    return {"title": title, "value": value, "url": reverse(address), "is_alarm": is_alarm}


def _runs_by_state() -> list[tuple[str, int]]:
    counts = dict(Run.objects.values_list("state").annotate(number=Count("id")).order_by())
    return [(state, counts.get(state, 0)) for state in RUN_STATES]


def _stuck_runs(now: Any) -> list[Run]:
    """Queued for long, or claimed with a lease that has run out."""
    waiting = Run.objects.filter(state="queued", queued_at__lt=now - _STUCK_AFTER)
    lost = Run.objects.filter(state__in=RUN_ACTIVE_STATES, lease_until__lt=now)
    return list((waiting | lost).select_related("organisation", "pool").order_by("queued_at")[:20])


def _ledger() -> list[dict[str, Any]]:
    """Totals by kind of account and currency; the sum over all of them is zero."""
    totals: dict[tuple[str, str], int] = {}
    for account, currency, micros in LedgerEntry.objects.values_list("account", "currency").annotate(
        total=Sum("amount_micros")
    ):
        key = (account.split(":")[0], currency)
        totals[key] = totals.get(key, 0) + micros
    rows: list[dict[str, Any]] = [
        {"account": account, "currency": currency, "micros": micros}
        for (account, currency), micros in sorted(totals.items())
    ]
    for currency in sorted({row["currency"] for row in rows}):
        total = sum(row["micros"] for row in rows if row["currency"] == currency)
        rows.append({"account": "sum", "currency": currency, "micros": total, "is_sum": True})
    return rows
