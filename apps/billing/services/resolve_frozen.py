"""Settles pushes whose fate is unknown, by comparing with Stripe's own hourly sums instead of sending again."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.billing.models import StripeCustomer, StripePush
from apps.billing.stripe_client import stripe_client

log = logging.getLogger(__name__)


def resolve_frozen(*, now: datetime | None = None) -> int:
    """Confirm frozen pushes whose amount is in Stripe's sum for their hour; the rest stays for an operator.

    An absent one is not sent anew by itself: an hour older than 35 days cannot be, and a wrong guess bills twice.
    """
    frozen = StripePush.objects.filter(state="frozen").select_related("organisation")
    hours = set(frozen.values_list("organisation_id", "hour"))
    if not hours:
        return 0
    meter_id = _meter_id()
    resolved = 0
    for organisation_id, hour in sorted(hours):
        customer = StripeCustomer.objects.filter(organisation=organisation_id).first()
        if customer is not None and meter_id:
            resolved += _resolve_hour(organisation_id, hour, customer.stripe_id, meter_id, now or timezone.now())
    return resolved


def _resolve_hour(organisation_id: str, hour: datetime, customer: str, meter_id: str, now: datetime) -> int:
    summaries = stripe_client().v1.billing.meters.event_summaries.list(
        meter_id,
        params={
            "customer": customer,
            "start_time": int(hour.timestamp()),
            "end_time": int((hour + timedelta(hours=1)).timestamp()),
        },
    )
    counted = sum(int(summary.aggregated_value) for summary in summaries.auto_paging_iter())
    with transaction.atomic():
        pushes = StripePush.objects.select_for_update().filter(organisation=organisation_id, hour=hour)
        rows = list(pushes)
        confirmed = sum(row.amount_micros for row in rows if row.state == "confirmed")
        unknown = [row for row in rows if row.state == "frozen"]
        if counted == confirmed + sum(row.amount_micros for row in unknown):
            return pushes.filter(state="frozen").update(state="confirmed", confirmed_at=now, last_error="")
    log.error("Stripe counts %s micros for %s at %s, we confirmed %s", counted, organisation_id, hour, confirmed)
    return 0


def _meter_id() -> str:
    """Return Stripe's id of our meter; empty when it was not set up there."""
    for meter in stripe_client().v1.billing.meters.list(params={"status": "active"}).auto_paging_iter():
        if meter.event_name == settings.STRIPE_METER_EVENT_NAME:
            return str(meter.id)
    return ""
