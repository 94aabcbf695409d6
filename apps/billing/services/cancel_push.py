"""Takes a meter event back that was pushed wrongly; what is due for its hour is then told anew by itself."""

import logging
from datetime import datetime, timedelta

import stripe
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import StripePush
from apps.billing.rules import CANCEL_WINDOW_S
from apps.billing.services.ensure_catalogue import event_name
from apps.billing.services.push_usage import make_deltas
from apps.billing.stripe_client import stripe_client
from contracts.problems import Problem

log = logging.getLogger(__name__)


def cancel_push(push: StripePush, *, by: User | ApiKey | str, now: datetime | None = None) -> bool:
    """Ask Stripe to take it back. False: Stripe did not answer, it is asked again every few minutes.

    Problem yours:state when it is not at Stripe, or longer than Stripe takes events back.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        locked = StripePush.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=push.pk)
        if locked.state not in ("confirmed", "cancelling"):
            raise Problem("yours:state", f"Only what Stripe has can be taken back; this one is {locked.state}.")
        if not _in_time(locked, moment):
            raise Problem("yours:state", "Stripe takes events back within 24 hours only. Write a credit note instead.")
        StripePush.objects.filter(pk=locked.pk).update(state="cancelling")
        details = {"identifier": locked.identifier, "amount_micros": locked.amount_micros}
        record_audit(locked.organisation, actor=by, action="stripe.cancel", subject=str(locked.pk), details=details)
    return _cancel(locked, moment)


def go_on_cancelling(*, now: datetime | None = None) -> int:
    """Ask again for what Stripe has not answered; after a day its sums decide. Returns how many were taken back."""
    moment = now or timezone.now()
    done = 0
    for push in StripePush.objects.filter(state="cancelling").order_by("pk"):
        if _in_time(push, moment):
            done += _cancel(push, moment)
        else:
            StripePush.objects.filter(pk=push.pk, state="cancelling").update(state="frozen")
    return done


def _in_time(push: StripePush, now: datetime) -> bool:
    return push.first_tried_at is not None and now < push.first_tried_at + timedelta(seconds=CANCEL_WINDOW_S)


def _cancel(push: StripePush, now: datetime) -> bool:
    try:
        stripe_client().v1.billing.meter_event_adjustments.create(
            params={"type": "cancel", "event_name": event_name(push.meter), "cancel": {"identifier": push.identifier}},
            options={"idempotency_key": f"cancel-{push.identifier}"},
        )
    except stripe.StripeError as error:
        if not _is_cancelled(error):
            log.warning("meter event %s could not be taken back yet: %s", push.identifier, error)
            StripePush.objects.filter(pk=push.pk).update(last_error=str(error)[:500])
            return False
    with transaction.atomic():
        done = StripePush.objects.filter(pk=push.pk, state="cancelling").update(state="cancelled", last_error="")
        make_deltas(now)
    return bool(done)


def _is_cancelled(error: stripe.StripeError) -> bool:
    return isinstance(error, stripe.InvalidRequestError) and "already" in str(error) and "cancel" in str(error)
