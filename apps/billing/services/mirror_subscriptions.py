"""Keeps the copy of each paid plan at Stripe as our books have it: started, changed, ended; it never collects.

The row `told` is what Stripe has heard. Whatever differs from what is wanted now is told again, so lost answers, kills
and changes at Stripe itself mend at the next turn. Before one is started, Stripe is asked whether it stands already.
"""

import hashlib
import logging
from datetime import datetime
from typing import Any

import stripe
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.billing.models import StripeSubscription, Subscription
from apps.billing.services.ensure_catalogue import ensure_fee_price, ensure_metered_price, metered
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.stripe_client import stripe_client

log = logging.getLogger(__name__)
_OVER = ("canceled", "incomplete_expired")
DAYS_UNTIL_DUE = 30  # said because Stripe wants a number; nothing falls due


def mirror_subscriptions(*, now: datetime | None = None) -> int:
    """Return how many copies were changed. One that Stripe does not take waits for the next turn."""
    moment = now or timezone.now()
    changed = 0
    paying = Subscription.objects.filter(plan__fee_micros__gt=0).values_list("pk", flat=True)
    copied = StripeSubscription.objects.exclude(stripe_id="", told={}).values_list("pk", flat=True)
    for pk in sorted({*paying, *copied}):
        try:
            changed += mirror_subscription(pk, now=moment)
        except stripe.StripeError as error:
            log.warning("the subscription of %s is not at Stripe yet: %s", pk, error)
            StripeSubscription.objects.filter(pk=pk).update(last_error=str(error)[:300])
    return changed


def wanted_copy(subscription: Subscription | None) -> dict[str, Any]:
    """Return what Stripe should have; empty: no subscription."""
    if subscription is None or subscription.state == "closed" or not subscription.plan.fee_micros:
        return {}
    ends_at = subscription.trial_ends_at if subscription.state == "trialing" else None
    return {
        "plan": subscription.plan_id,
        "state": subscription.state,
        "meters": metered(subscription.plan.currency),
        "trial_end": int(ends_at.timestamp()) if ends_at else None,
    }


def forget_changed_copy(copy: Any) -> bool:
    """Somebody changed a copy at Stripe: our books decide, so what it should be is told again. True: it differed."""
    row = StripeSubscription.objects.filter(stripe_id=copy.id).exclude(told={}).first()
    if row is None:
        return False
    is_as_told = copy.status not in _OVER and copy.pause_collection is not None
    metadata = copy.to_dict().get("metadata", {})
    if is_as_told and (metadata.get("plan"), metadata.get("state")) == (row.told["plan"], row.told["state"]):
        return False
    return bool(StripeSubscription.objects.filter(pk=row.pk, told=row.told).update(told={}))


def mirror_subscription(pk: str, *, now: datetime) -> bool:
    """Bring one copy to what is wanted. False: it was so already, or somebody else is at it."""
    StripeSubscription.objects.bulk_create([StripeSubscription(organisation_id=pk)], ignore_conflicts=True)
    subscription = Subscription.objects.select_related("plan", "organisation").filter(pk=pk).first()
    wanted = wanted_copy(subscription)
    if _is_done(StripeSubscription.objects.get(pk=pk), wanted):
        return False
    # What these find or make at Stripe is kept even if the rest fails: they come before the lock and its transaction.
    customer = ensure_customer(Organisation.objects.get(pk=pk)).stripe_id
    prices = _prices(subscription, wanted) if subscription is not None and wanted else []
    with transaction.atomic():
        row = StripeSubscription.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if row is None or _is_done(row, wanted):
            return False
        if not wanted:
            _end(row, customer)
        elif row.stripe_id:
            _change(row, customer, prices, wanted, now)
        else:
            _start(row, customer, prices, wanted, now)
        row.told, row.told_at, row.last_error = wanted, now, ""
        row.save()
    return True


def _is_done(row: StripeSubscription, wanted: dict[str, Any]) -> bool:
    return row.told == wanted and bool(row.stripe_id) == bool(wanted)


def _start(row: StripeSubscription, customer: str, prices: list[str], wanted: dict[str, Any], now: datetime) -> None:
    standing = _standing(customer, row.organisation_id)
    if not standing:
        made = stripe_client().v1.subscriptions.create(
            params={
                "customer": customer,
                "collection_method": "send_invoice",
                "days_until_due": DAYS_UNTIL_DUE,
                "billing_cycle_anchor_config": {"day_of_month": 1, "hour": 0, "minute": 0, "second": 0},
                "proration_behavior": "none",
                "items": [{"price": price} for price in prices],
                "metadata": {"organisation": row.organisation_id},
            },
            options={"idempotency_key": _key(row, customer, prices)},
        )
        standing = [made]
    for surplus in standing[1:]:
        stripe_client().v1.subscriptions.cancel(surplus.id, params={"prorate": False, "invoice_now": False})
    row.stripe_id = standing[0].id
    _change(row, customer, prices, wanted, now)


def _change(row: StripeSubscription, customer: str, prices: list[str], wanted: dict[str, Any], now: datetime) -> None:
    """Give the copy exactly the wanted prices, say our state, and see that it does not collect."""
    copy: Any = stripe_client().v1.subscriptions.retrieve(row.stripe_id)
    if copy.status in _OVER:
        row.stripe_id = ""
        _start(row, customer, prices, wanted, now)
        return
    have = {str(item.price.id): str(item.id) for item in copy["items"].data}
    items: list[Any] = [{"id": item, "deleted": True} for price, item in have.items() if price not in prices]
    items += [{"price": price} for price in prices if price not in have]
    params: dict[str, Any] = {
        "pause_collection": {"behavior": "void"},
        "proration_behavior": "none",
        "metadata": {"organisation": row.organisation_id, "plan": wanted["plan"], "state": wanted["state"]},
    }
    if items:
        params["items"] = items
    trial_end = wanted["trial_end"]
    if trial_end != copy.trial_end and trial_end and trial_end > now.timestamp():
        params["trial_end"] = trial_end
    elif copy.status == "trialing" and not trial_end:
        params["trial_end"] = "now"
    stripe_client().v1.subscriptions.update(row.stripe_id, params=params)  # type: ignore[arg-type]


def _end(row: StripeSubscription, customer: str) -> None:
    """No proration and no last invoice: what is due or comes back is in our books."""
    for copy in _standing(customer, row.organisation_id):
        stripe_client().v1.subscriptions.cancel(copy.id, params={"prorate": False, "invoice_now": False})
    row.stripe_id = ""


def _prices(subscription: Subscription, wanted: dict[str, Any]) -> list[str]:
    currency = subscription.plan.currency
    return [ensure_fee_price(subscription.plan), *(ensure_metered_price(meter, currency) for meter in wanted["meters"])]


def _standing(customer: str, organisation: str) -> list[Any]:
    """The customer's copies that live, oldest first; others that a person made at Stripe are left alone."""
    rows: Any = stripe_client().v1.subscriptions.list(params={"customer": customer, "limit": 100})
    ours = [one for one in rows.auto_paging_iter() if one.to_dict().get("metadata", {}).get("organisation")]
    return sorted((one for one in ours if one.metadata["organisation"] == organisation), key=lambda one: one.created)


def _key(row: StripeSubscription, customer: str, prices: list[str]) -> str:
    """The same for two who start it at once; another one after an earlier copy has ended, and for other prices."""
    rows = stripe_client().v1.subscriptions.list(params={"customer": customer, "status": "canceled", "limit": 100})
    ended = sum(1 for _ in rows.auto_paging_iter())
    return f"subscription-{row.pk}-{ended}-{hashlib.sha256(' '.join(prices).encode()).hexdigest()[:16]}"
