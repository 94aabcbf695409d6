"""Gives back what tiers and included amounts take off the list price, and charges what is missing to an agreed minimum.

Usage is charged at the list price as it happens, so that hard limits stay exact; what the tiers take off comes back
within minutes as an event of its own, and the last of it before the month is closed.
"""

from datetime import date, datetime, timedelta

from django.db.models import Sum
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.billing.models import Subscription
from apps.ledger.models import Price, PriceTiers
from apps.ledger.tiers import discount_micros, read_tiers
from apps.metering.models import UsageEvent
from apps.metering.rules import month_after, month_of, month_start
from apps.metering.services.post_adjustment import post_adjustment
from contracts.usage import METER_COMMITMENT, METER_DISCOUNT, METER_PLAN, METER_PLAN_CREDIT, METER_RUN_CREDIT

_NOT_COMMITTED = (METER_PLAN, METER_PLAN_CREDIT, METER_COMMITMENT)


def true_up_discounts(organisation: Organisation, period: date, *, now: datetime | None = None) -> int:
    """Post what is missing to the month's discounts; return the micros posted now."""
    posted = 0
    for schedule in _schedules(organisation, period):
        wanted = discount_of(organisation, period, schedule)
        given = _sum(organisation, period, meter=METER_DISCOUNT, price=schedule.pk)
        if wanted > -given:
            month = f"{period:%Y%m}"
            posted_now = post_adjustment(
                organisation,
                id=f"{schedule.pk}:{organisation.pk[-12:]}:{month}:{-given:x}"[:56],
                meter=METER_DISCOUNT,
                micros=wanted + given,
                price=schedule.pk,
                at=_moment(period, now),
                note=str(schedule),
            )
            posted += wanted + given if posted_now else 0
    return posted


def discount_of(organisation: Organisation, period: date, schedule: PriceTiers) -> int:
    """Return what a schedule takes off the month's usage so far."""
    prices = Price.objects.filter(
        meter=schedule.meter, dimension=schedule.dimension, currency=schedule.currency
    ).values_list("pk", flat=True)
    events = UsageEvent.objects.of(organisation).filter(period=period)
    credited = events.filter(meter=METER_RUN_CREDIT).values("run")  # came back at the list price: no discount on top
    usage = events.filter(price__in=list(prices), meter=schedule.meter).exclude(run__in=credited)
    sums = usage.aggregate(units=Sum("units"), micros=Sum("amount_micros"))
    return discount_micros(
        int(sums["units"] or 0),
        listed_micros=int(sums["micros"] or 0),
        tiers=read_tiers(schedule.tiers),
        mode=schedule.mode,
    )


def charge_commitment(organisation: Organisation, period: date) -> int:
    """At the end of a month: charge what is missing to the plan's minimum; return the micros charged."""
    subscription = Subscription.objects.select_related("plan").filter(pk=organisation.pk).first()
    if subscription is None or not subscription.plan.commitment_micros:
        return 0
    if subscription.plan.effective_from > month_start(period) or subscription.state == "trialing":
        return 0
    used = _sum(organisation, period) - sum(_sum(organisation, period, meter=meter) for meter in _NOT_COMMITTED)
    missing = subscription.plan.commitment_micros - used
    if missing <= 0:
        return 0
    charged = post_adjustment(
        organisation,
        id=f"commit:{organisation.pk}:{period:%Y-%m}",
        meter=METER_COMMITMENT,
        micros=missing,
        price=subscription.plan_id,
        at=_moment(period, None),
        may_write_off=True,
        note=f"Minimum of {subscription.plan.title}, {period:%B %Y}",
    )
    return missing if charged else 0


def true_up_all(*, now: datetime | None = None) -> int:
    """Bring the discounts of the present month up to date everywhere there are tiers."""
    if not PriceTiers.objects.exists():
        return 0
    period = month_of(now or timezone.now())
    active = UsageEvent.objects.filter(period=period).values("organisation").distinct()
    organisations = Organisation.objects.filter(pk__in=active).order_by("pk")
    return sum(true_up_discounts(organisation, period, now=now) for organisation in organisations.iterator())


def _schedules(organisation: Organisation, period: date) -> list[PriceTiers]:
    """The schedule in force when the month began, per meter; a plan's own before the one for all."""
    plan = Subscription.objects.filter(pk=organisation.pk).values_list("plan__name", flat=True).first() or ""
    rows = PriceTiers.objects.filter(
        plan__in=["", plan], currency=organisation.currency, effective_from__lte=month_start(period)
    ).order_by("meter", "dimension", "-plan", "-effective_from")
    found: dict[tuple[str, str], PriceTiers] = {}
    for row in rows:
        found.setdefault((row.meter, row.dimension), row)
    return [row for row in found.values() if row.tiers]


def _sum(organisation: Organisation, period: date, **which: str) -> int:
    events = UsageEvent.objects.of(organisation).filter(period=period, **which)
    return int(events.aggregate(total=Sum("amount_micros"))["total"] or 0)


def _moment(period: date, now: datetime | None) -> datetime:
    """Now, or the month's last moment when it is over."""
    last = month_start(month_after(period)) - timedelta(microseconds=1)
    return min(now or timezone.now(), last)
