"""Settles pushes whose fate is unknown, by Stripe's own hourly sums instead of sending them again under the same name.

What Stripe has counted is the truth about Stripe: the pushes are confirmed, or lost, or lost with a line for what it
counted besides. What our usage is more or less than that is then an ordinary delta with a fresh identifier.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import stripe
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.billing.models import StripePush, StripeSettlement
from apps.billing.rules import CONFIRMED, CORRECTED, OLDEST_TIMESTAMP_S, TOO_OLD, frozen_outcome, push_identifier
from apps.billing.services.ensure_catalogue import ensure_meter
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.services.push_usage import make_deltas
from apps.billing.stripe_client import stripe_client

log = logging.getLogger(__name__)
SUMMARY_LAG_S = 3600  # Stripe adds up behind the events
DOUBT_S = 26 * 3600  # Stripe reports events that it could not use within a day
_KNOWN = ("confirmed", "found")


@dataclass(frozen=True)
class Hour:
    organisation_id: str
    meter: str
    start: datetime

    def pushes(self) -> "list[StripePush]":
        rows = StripePush.objects.filter(organisation=self.organisation_id, meter=self.meter, hour=self.start)
        return list(rows.select_for_update().order_by("sequence"))


def resolve_frozen(*, now: datetime | None = None) -> int:
    """Settle every hour with frozen pushes; return how many hours. Those Stripe cannot be asked about stay."""
    moment = now or timezone.now()
    quiet = moment - timedelta(seconds=SUMMARY_LAG_S)
    groups = StripePush.objects.filter(state="frozen").values("organisation_id", "meter", "hour")
    due = groups.annotate(last=Max("first_tried_at")).filter(last__lte=quiet).order_by("organisation_id", "hour")
    hours = [Hour(row["organisation_id"], row["meter"], row["hour"]) for row in due]
    settled = 0
    for hour in hours:
        try:
            settled += _resolve_hour(hour, moment)
        except stripe.StripeError as error:
            log.warning("Stripe's sum of %s is not known yet: %s", hour, error)
    return settled


def doubt_recent_pushes(*, now: datetime | None = None) -> int:
    """Stripe says that it could not use some events: what it confirmed lately is compared with its sums."""
    since = (now or timezone.now()) - timedelta(seconds=DOUBT_S)
    rows = StripePush.objects.filter(state="confirmed", confirmed_at__gte=since)
    return rows.update(state="frozen", last_error="Stripe reported events that it could not use")


def _resolve_hour(hour: Hour, now: datetime) -> bool:
    with transaction.atomic():
        before = {push.pk: push.state for push in hour.pushes()}
    counted = _counted(hour)
    with transaction.atomic():
        pushes = hour.pushes()
        if {push.pk: push.state for push in pushes} != before or "sent" in before.values():
            return False  # something of this hour was under way while Stripe was asked
        _settle(hour, pushes, counted, now)
        make_deltas(now)
    return True


def _counted(hour: Hour) -> int:
    """Return Stripe's sum of the hour in micros."""
    customer = ensure_customer(Organisation.objects.get(pk=hour.organisation_id))
    summaries = stripe_client().v1.billing.meters.event_summaries.list(
        ensure_meter(hour.meter),
        params={
            "customer": customer.stripe_id,
            "start_time": int(hour.start.timestamp()),
            "end_time": int((hour.start + timedelta(hours=1)).timestamp()),
            "value_grouping_window": "hour",
        },
    )
    return sum(int(summary.aggregated_value) for summary in summaries.auto_paging_iter())


def _settle(hour: Hour, pushes: list[StripePush], counted: int, now: datetime) -> None:
    known = sum(push.amount_micros for push in pushes if push.state in _KNOWN)
    frozen = sum(push.amount_micros for push in pushes if push.state == "frozen")
    oldest = (now - timedelta(seconds=OLDEST_TIMESTAMP_S)).replace(minute=0, second=0, microsecond=0)
    outcome = frozen_outcome(counted=counted, known=known, frozen=frozen, is_too_old=hour.start < oldest)
    rows = StripePush.objects.filter(pk__in=[push.pk for push in pushes if push.state == "frozen"])
    if outcome == CONFIRMED:
        rows.update(state="confirmed", confirmed_at=now, last_error="")
    else:
        rows.update(state="untold" if outcome == TOO_OLD else "lost", last_error="")
    if outcome == CORRECTED:
        _write_found(hour, pushes, counted - known, now)
    if outcome != CONFIRMED:
        log.error("%s: Stripe counts %s micros, we confirmed %s and doubted %s", hour, counted, known, frozen)
    StripeSettlement.objects.create(
        organisation_id=hour.organisation_id,
        meter=hour.meter,
        hour=hour.start,
        at=now,
        counted_micros=counted,
        confirmed_micros=known,
        frozen_micros=frozen,
        outcome=outcome,
    )


def _write_found(hour: Hour, pushes: list[StripePush], amount_micros: int, now: datetime) -> None:
    sequence = pushes[-1].sequence + 1
    StripePush.objects.create(
        organisation_id=hour.organisation_id,
        meter=hour.meter,
        hour=hour.start,
        sequence=sequence,
        units=0,
        amount_micros=amount_micros,
        identifier=push_identifier(hour.organisation_id, hour.meter, hour.start, sequence),
        state="found",
        first_tried_at=now,
        counted_to=max(push.counted_to for push in pushes),
        confirmed_at=now,
    )
