"""Reads of usage: one fold of the events gives the dashboard, the budget, the invoice and what Stripe is told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import BigIntegerField, Case, CharField, Count, OuterRef, Subquery, Sum, When
from django.db.models.functions import Coalesce, TruncDate

from apps.accounts.models import ApiKey, Organisation
from apps.metering.models import PeriodWatermark, UsageEvent
from contracts.usage import METER_OVERAGE, METER_PLAN, METER_PLAN_CREDIT, MONEY_METERS

_FEES = (METER_PLAN, METER_PLAN_CREDIT)
GROUPS = (
    "day",
    "endpoint",
    "key",
    "parent_key",
    "model_version",
    "run",
)  # besides the meter, which always splits: units differ


def usage_by(
    organisation: Organisation,
    *,
    start: datetime,
    end: datetime,
    group_by: Sequence[str] = ("day",),
    keys: Iterable[str] | None = None,
) -> list[dict[str, Any]]:
    """Return rows of {meter, <groups>, events, units, amount_micros} for [start, end), by when the usage happened.

    `key` is the key that called, `parent_key` the one it was issued under (a key with none stands for itself);
    `keys` narrows to the usage of these.
    """
    if unknown := set(group_by) - set(GROUPS):
        raise ValueError(f"usage cannot be grouped by {', '.join(sorted(unknown))}")
    events = UsageEvent.objects.of(organisation).filter(occurred_at__gte=start, occurred_at__lt=end)
    if keys is not None:
        events = events.filter(key__in=list(keys))
    parent = ApiKey.objects.filter(pk=OuterRef("key")).values("parent_id")
    shown: dict[str, Any] = {"day": TruncDate("occurred_at")}
    if "parent_key" in group_by:
        shown["parent_key"] = Coalesce(Subquery(parent, output_field=CharField()), "key")
    names = [*group_by, "meter"]
    rows = events.annotate(**shown).values(*names).order_by(*names)
    return list(rows.annotate(events=Count("pk"), units=Sum("units"), amount_micros=Sum("amount_micros")))


def key_family(organisation: Organisation, key_id: str) -> list[str]:
    """The key and the sub-keys issued under it: what counts against its limits."""
    return [key_id, *ApiKey.objects.of(organisation).filter(parent_id=key_id).values_list("pk", flat=True)]


def amount_in(
    organisation: Organisation, *, start: datetime | None = None, end: datetime | None = None, **scope: object
) -> int:
    """Return what usage cost in [start, end), without plan fees; `scope` narrows to endpoint= or key__in=."""
    events = UsageEvent.objects.of(organisation).filter(**scope).exclude(meter__in=_FEES)
    if start is not None:
        events = events.filter(occurred_at__gte=start)
    if end is not None:
        events = events.filter(occurred_at__lt=end)
    return int(events.aggregate(total=Coalesce(Sum("amount_micros"), 0, output_field=BigIntegerField()))["total"])


def units_in(organisation: Organisation, *, meter: str, start: datetime | None, **scope: object) -> int:
    """Return the units of a meter since `start` (None: ever); `scope` narrows to endpoint= or key__in=."""
    events = UsageEvent.objects.of(organisation).filter(meter=meter, **scope)
    if start is not None:
        events = events.filter(occurred_at__gte=start)
    return int(events.aggregate(total=Sum("units"))["total"] or 0)


@dataclass(frozen=True)
class BilledLine:
    """All usage of a month that shares meter, endpoint, run and price."""

    meter: str
    endpoint: str
    run: str
    price: str
    units: int
    amount_micros: int
    events: int

    @property
    def unit_price_micros(self) -> int:
        """Exact: every event was checked against its price row; overage takes one micro back per unit."""
        if self.meter in MONEY_METERS:
            return MONEY_METERS[self.meter]
        return self.amount_micros // self.units if self.units else 0


def billed_lines(organisation: Organisation, period: date) -> list[BilledLine]:
    """Fold a month's events into invoice lines, in a fixed order."""
    names = ("meter", "endpoint", "run", "price")
    order = Case(When(meter=METER_OVERAGE, then=2), When(meter__in=MONEY_METERS, then=1), default=0)
    rows = (
        UsageEvent.objects.of(organisation)
        .filter(period=period)
        .values(*names)
        .annotate(units=Sum("units"), amount_micros=Sum("amount_micros"), events=Count("pk"), last=order)
        .order_by("last", *names)
    )
    return [BilledLine(**{name: row[name] for name in (*names, "units", "amount_micros", "events")}) for row in rows]


def open_from(organisation: Organisation) -> date:
    """Return the first month that is not closed for this organisation."""
    row = PeriodWatermark.objects.filter(pk=organisation.pk).first()
    return row.open_from if row else date(1970, 1, 1)


def months_with_usage(organisation: Organisation, *, before: date) -> list[date]:
    """Return open months before `before` that have usage to bill, oldest first."""
    months = UsageEvent.objects.of(organisation).filter(period__gte=open_from(organisation), period__lt=before)
    return list(months.order_by("period").values_list("period", flat=True).distinct())
