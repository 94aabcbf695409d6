"""Tells Stripe what was used: one meter event per organisation, meter and closed hour, and deltas for what came later.

Each of our meters is one of Stripe's, counting micros. A delta is a row before it is a request, with an identifier that
never changes: however often it is sent, Stripe counts it once. Stripe keeps identifiers for at least 24 hours, so after
20 hours without an answer a push is frozen and `resolve_frozen` compares with Stripe's own sums instead of sending it.
"""

import logging
from datetime import datetime, timedelta

import stripe
from django.db import connection, transaction
from django.utils import timezone

from apps.billing.models import StripePush
from apps.billing.rules import OLDEST_TIMESTAMP_S, RETRY_WINDOW_S, push_identifier
from apps.billing.services.ensure_catalogue import ensure_meter, event_name
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.stripe_client import stripe_client

log = logging.getLogger(__name__)
SETTLE_S = 60  # an event may commit a little after the moment it says it was recorded
BATCH = 1_000

# Late usage is told under the hour it arrived in: its own hour may be older than Stripe accepts. Usage of an open month
# that is older than that is not told at all; it is in the invoice.
_DELTAS = """
WITH used AS (
    SELECT organisation_id, meter,
           date_trunc('hour', CASE WHEN late THEN recorded_at ELSE occurred_at END, 'UTC') AS hour,
           sum(units) AS units, sum(amount_micros) AS amount_micros
    FROM metering_usageevent
    WHERE recorded_at <= %(counted_to)s AND CASE WHEN late THEN recorded_at ELSE occurred_at END >= %(since)s
    GROUP BY 1, 2, 3
), told AS (
    SELECT organisation_id, meter, hour, max(sequence) AS sequence,
           sum(units) FILTER (WHERE state NOT IN ('cancelled', 'lost')) AS units,
           sum(amount_micros) FILTER (WHERE state NOT IN ('cancelled', 'lost')) AS amount_micros
    FROM billing_stripepush WHERE hour >= %(since)s GROUP BY 1, 2, 3
)
SELECT used.organisation_id, used.meter, used.hour, used.units - coalesce(told.units, 0),
       used.amount_micros - coalesce(told.amount_micros, 0), coalesce(told.sequence, 0) + 1
FROM used LEFT JOIN told USING (organisation_id, meter, hour)
WHERE used.hour < date_trunc('hour', %(now)s::timestamptz, 'UTC')
  AND used.amount_micros <> coalesce(told.amount_micros, 0)
ORDER BY 1, 2, 3
"""


def push_usage(*, now: datetime | None = None) -> int:
    """Make the deltas that are due and send what is not confirmed yet; return how many were confirmed."""
    moment = now or timezone.now()
    make_deltas(moment)
    StripePush.objects.filter(
        state__in=["new", "sent"], first_tried_at__lt=moment - timedelta(seconds=RETRY_WINDOW_S)
    ).update(state="frozen")
    waiting = StripePush.objects.filter(state__in=["new", "sent"]).select_related("organisation").order_by("pk")
    return sum(_send(push, moment) for push in waiting[:BATCH])


def make_deltas(now: datetime) -> int:
    """Write a row for each hour whose usage is not what Stripe was told; rows are unique, so two callers agree."""
    counted_to = now - timedelta(seconds=SETTLE_S)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('stripe-deltas', 0))")
        since = (now - timedelta(seconds=OLDEST_TIMESTAMP_S)).replace(minute=0, second=0, microsecond=0)
        cursor.execute(_DELTAS, {"now": now, "counted_to": counted_to, "since": since})
        rows = [
            StripePush(
                organisation_id=organisation,
                meter=meter,
                hour=hour,
                sequence=sequence,
                units=units,
                amount_micros=amount,
                identifier=push_identifier(organisation, meter, hour, sequence),
                counted_to=counted_to,
            )
            for organisation, meter, hour, units, amount, sequence in cursor.fetchall()
        ]
        StripePush.objects.bulk_create(rows)
        return len(rows)


def _send(push: StripePush, now: datetime) -> bool:
    """Commit that it is tried before it is tried: the retry window runs from then, whatever happens to us."""
    claimed = StripePush.objects.filter(pk=push.pk, state__in=["new", "sent"])
    if push.first_tried_at is None:
        claimed.update(state="sent", first_tried_at=now)
    try:
        customer = ensure_customer(push.organisation)
        ensure_meter(push.meter)
        stripe_client().v1.billing.meter_events.create(
            params={
                "event_name": event_name(push.meter),
                "identifier": push.identifier,
                "payload": {"stripe_customer_id": customer.stripe_id, "value": str(push.amount_micros)},
                "timestamp": int(push.hour.timestamp()),
            }
        )
    except stripe.StripeError as error:
        if _is_known(error):
            return bool(claimed.update(state="confirmed", confirmed_at=now, last_error=""))
        log.warning("meter event %s was not confirmed: %s", push.identifier, error)
        claimed.update(last_error=str(error)[:500])
        return False
    return bool(claimed.update(state="confirmed", confirmed_at=now, last_error=""))


def _is_known(error: stripe.StripeError) -> bool:
    """Stripe refuses an identifier that it has: our earlier try arrived, only its answer did not."""
    return isinstance(error, stripe.InvalidRequestError) and "identifier" in str(error) and "already" in str(error)
