"""Receives Stripe's webhooks: they are hints; the object is fetched again and the ledger guards against doubles.

1. signature, and the time in it, both ways, 2. the mode must be ours, 3. fetch the object from Stripe, 4. in one
transaction: the inbox row and the effect. Trouble on the way to Stripe is raised: Stripe sends the webhook again.
"""

import json
import logging
import time
from typing import Any

import stripe
from django.conf import settings
from django.db import transaction

from apps.billing.rules import is_webhook_time_right
from apps.billing.services.settle_top_up import settle_top_up
from apps.billing.stripe_client import is_live, stripe_client
from apps.outbox.services.receive import receive_once
from contracts.problems import Problem

log = logging.getLogger(__name__)
_CHECKOUT_EVENTS = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
}
_METER_ERRORS = {"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"}


def receive_webhook(payload: bytes, signature: str, *, now_s: float | None = None) -> bool:
    """Return True when the event had an effect now, False when there was none (again). Problem yours:invalid."""
    event = _verified(payload, signature, time.time() if now_s is None else now_s)
    if event["type"] in _METER_ERRORS:
        log.error("Stripe could not use meter events: %s", json.dumps(event.get("data"))[:2000])
        return _remember(event)
    if event["type"] not in _CHECKOUT_EVENTS:
        return False
    session = stripe_client().v1.checkout.sessions.retrieve(event["data"]["object"]["id"])
    with transaction.atomic():
        receive_once("stripe", event["id"], event)
        return settle_top_up(session)


def _verified(payload: bytes, signature: str, now_s: float) -> dict[str, Any]:
    try:
        text = payload.decode()
        # No tolerance here: the SDK compares with its own clock and accepts the future, so the time is checked below.
        stripe.WebhookSignature.verify_header(text, signature, settings.STRIPE_WEBHOOK_SECRET, tolerance=None)
        event = json.loads(text)
        sent_at = int(dict(part.split("=", 1) for part in signature.split(","))["t"])
        event["id"], event["type"], event["data"]["object"]
    except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as error:
        raise Problem("yours:invalid", f"This is no webhook signed for us: {error}", status=400) from error
    if not is_webhook_time_right(sent_at, now_s):
        raise Problem("yours:invalid", "The webhook's signature is too old or from the future.", status=400)
    if bool(event.get("livemode")) != is_live():
        raise Problem("yours:invalid", "The webhook is of the other mode (live or test).", status=400)
    return dict(event)


def _remember(event: dict[str, Any]) -> bool:
    with transaction.atomic():
        return receive_once("stripe", event["id"], event)
