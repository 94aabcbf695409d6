"""Buys credit by itself where little is left: one payment at a time, inside the monthly cap, once whatever breaks.

The top-up is a row before it is a payment, and the payment's idempotency key is the row's: a request whose answer was
lost is asked again with the same key and Stripe answers with the same payment. The ledger ref guards the credit.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

import stripe
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from apps.billing.models import AutoTopUp, TopUp
from apps.billing.proration import month_around
from apps.billing.rules import RETRY_WINDOW_S, micros_per_minor
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.services.settle_payment import settle_intent
from apps.billing.services.tell_people import tell_people
from apps.billing.stripe_client import stripe_client
from apps.ledger.services.open_wallet import credit_wallet

log = logging.getLogger(__name__)
MOST_FAILURES = 3
WAIT_AFTER_FAILURE_S = 6 * 3600


def run_auto_top_ups(*, now: datetime | None = None) -> int:
    """Return how many payments succeeded now."""
    moment = now or timezone.now()
    paid = 0
    rows = AutoTopUp.objects.filter(is_on=True).exclude(payment_method="").select_related("organisation")
    for row in rows.order_by("pk"):
        top_up = _due(row.pk, moment)
        if top_up is not None:
            paid += _collect(row, top_up, moment)
    return paid


@transaction.atomic
def _due(pk: str, now: datetime) -> TopUp | None:
    """Return the pending top-up to collect, made now if there is a need; None when there is none."""
    row = AutoTopUp.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=pk)
    mine = TopUp.objects.of(row.organisation).filter(is_automatic=True)
    pending = mine.filter(state="pending").order_by("pk").first()
    if pending is not None:
        return pending if pending.created_at > now - timedelta(seconds=RETRY_WINDOW_S) else None
    if row.tried_at is not None and row.failures and now < row.tried_at + timedelta(seconds=WAIT_AFTER_FAILURE_S):
        return None
    if credit_wallet(row.organisation).available_micros >= row.threshold_micros:
        return None
    start, _ = month_around(now)
    spent = mine.filter(state="paid", paid_at__gte=start).aggregate(total=Sum("amount_micros"))["total"] or 0
    if spent + row.amount_micros > row.monthly_cap_micros:
        return None
    return TopUp.objects.create(
        organisation=row.organisation,
        amount_micros=row.amount_micros,
        currency=row.organisation.currency,
        is_automatic=True,
    )


def _collect(row: AutoTopUp, top_up: TopUp, now: datetime) -> bool:
    AutoTopUp.objects.filter(pk=row.pk).update(tried_at=now)
    try:
        customer = ensure_customer(row.organisation)
        intent: Any = stripe_client().v1.payment_intents.create(
            params={
                "amount": top_up.amount_micros // micros_per_minor(top_up.currency),
                "currency": top_up.currency.lower(),
                "customer": customer.stripe_id,
                "payment_method": row.payment_method,
                "off_session": True,
                "confirm": True,
                "metadata": {"top_up": top_up.pk, "organisation": row.organisation_id},
            },
            options={"idempotency_key": f"auto-{top_up.pk}"},
        )
    except stripe.CardError as error:
        _refused(row, top_up, str(error.user_message or error))
        return False
    except stripe.StripeError as error:
        log.warning("automatic top-up %s is not answered yet: %s", top_up.pk, error)
        return False
    AutoTopUp.objects.filter(pk=row.pk).update(failures=0, last_error="")
    return settle_intent(intent, now=now)


@transaction.atomic
def _refused(row: AutoTopUp, top_up: TopUp, reason: str) -> None:
    TopUp.objects.filter(pk=top_up.pk, state="pending").update(state="failed", failure=reason[:200])
    failures = row.failures + 1
    still_on = failures < MOST_FAILURES
    AutoTopUp.objects.filter(pk=row.pk).update(failures=failures, last_error=reason[:300], is_on=still_on)
    after = "It is tried again in six hours." if still_on else "Automatic top-up is switched off now."
    tell_people(
        row.organisation,
        event="top_up.failed",
        subject="Credit could not be bought",
        text=f"The automatic top-up for {row.organisation.name} was refused: {reason} {after}",
        data={"top_up": top_up.pk, "reason": reason, "is_on": still_on},
        dedupe_key=f"top-up-failed:{top_up.pk}",
    )
