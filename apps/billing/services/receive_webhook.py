"""Receives Stripe's webhooks: they are hints; the object is fetched again and the ledger guards against doubles.

1. signature, and the time in it, both ways, 2. the mode must be ours, 3. fetch the object from Stripe, 4. in one
transaction: the inbox row and the effect. Trouble on the way to Stripe is raised: Stripe sends the webhook again.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import stripe
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.billing.models import WebhookEvent
from apps.billing.rules import is_webhook_time_right
from apps.billing.services.mirror_subscriptions import forget_changed_copy
from apps.billing.services.resolve_frozen import doubt_recent_pushes
from apps.billing.services.settle_payment import settle_dispute, settle_intent
from apps.billing.services.settle_top_up import settle_top_up
from apps.billing.stripe_client import is_live, stripe_client
from apps.outbox.services.receive import receive_once
from contracts.problems import Problem

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Handler:
    """Which object to fetch from Stripe, and what to do with it."""

    fetch: Callable[[str], Any]
    apply: Callable[[Any], bool]


def _session(name: str) -> Any:
    return stripe_client().v1.checkout.sessions.retrieve(name)


def _intent(name: str) -> Any:
    return stripe_client().v1.payment_intents.retrieve(name)


def _dispute(name: str) -> Any:
    return stripe_client().v1.disputes.retrieve(name)


def _subscription(name: str) -> Any:
    return stripe_client().v1.subscriptions.retrieve(name)


_CHECKOUT = Handler(_session, settle_top_up)
_INTENT = Handler(_intent, settle_intent)
_DISPUTE = Handler(_dispute, settle_dispute)
_SUBSCRIPTION = Handler(_subscription, forget_changed_copy)
_HANDLERS = {
    "checkout.session.completed": _CHECKOUT,
    "checkout.session.async_payment_succeeded": _CHECKOUT,
    "checkout.session.async_payment_failed": _CHECKOUT,
    "checkout.session.expired": _CHECKOUT,
    "payment_intent.succeeded": _INTENT,
    "charge.dispute.created": _DISPUTE,
    "customer.subscription.deleted": _SUBSCRIPTION,
    "customer.subscription.updated": _SUBSCRIPTION,
}
_METER_ERRORS = {"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"}


def receive_webhook(payload: bytes, signature: str, *, now_s: float | None = None) -> bool:
    """Return True when the event had an effect now, False when there was none (again). Problem yours:invalid."""
    event = _verified(payload, signature, time.time() if now_s is None else now_s)
    WebhookEvent.objects.bulk_create(
        [WebhookEvent(id=event["id"][:80], kind=event["type"][:80], payload=event)], ignore_conflicts=True
    )
    return apply_event(event)


def apply_event(event: dict[str, Any]) -> bool:
    """Do what an event asks for, again if need be: the object is fetched anew, and the ledger counts it once."""
    rows = WebhookEvent.objects.filter(pk=event["id"])
    rows.update(attempts=F("attempts") + 1)
    try:
        had_effect = _apply(event)
    except Exception as error:
        rows.update(last_error=repr(error)[:1000])
        raise
    rows.update(applied_at=timezone.now(), last_error="")
    if had_effect:
        rows.update(had_effect=True)
    return had_effect


def _apply(event: dict[str, Any]) -> bool:
    kind = event["type"]
    if kind in _METER_ERRORS:
        log.error("Stripe could not use meter events: %s", json.dumps(event.get("data"))[:2000])
        return _doubt(event)
    settle = _HANDLERS.get(kind)
    if settle is None:
        return False
    subject = settle.fetch(event["data"]["object"]["id"])
    with transaction.atomic():
        receive_once("stripe", event["id"], event)
        return settle.apply(subject)


def _verified(payload: bytes, signature: str, now_s: float) -> dict[str, Any]:
    try:
        text = payload.decode()
        # No tolerance here: the SDK compares with its own clock and accepts the future, so the time is checked below.
        stripe.WebhookSignature.verify_header(text, signature, settings.STRIPE_WEBHOOK_SECRET, tolerance=None)
        event = json.loads(text)
        sent_at = int(dict(part.split("=", 1) for part in signature.split(","))["t"])
        event["id"], event["type"] in _METER_ERRORS or event["data"]["object"]  # thin events carry no object
    except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as error:
        raise Problem("yours:invalid", f"This is no webhook signed for us: {error}", status=400) from error
    if not is_webhook_time_right(sent_at, now_s):
        raise Problem("yours:invalid", "The webhook's signature is too old or from the future.", status=400)
    if bool(event.get("livemode")) != is_live():
        raise Problem("yours:invalid", "The webhook is of the other mode (live or test).", status=400)
    return dict(event)


def _doubt(event: dict[str, Any]) -> bool:
    """Once per event: what Stripe confirmed lately is compared with its sums."""
    with transaction.atomic():
        return receive_once("stripe", event["id"], event) and doubt_recent_pushes() > 0
