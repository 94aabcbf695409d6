"""The double's subscriptions: items on prices, changed without proration, paused, ended once for all."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from stripe.params import (
    SubscriptionCancelParams,
    SubscriptionCreateParams,
    SubscriptionListParams,
    SubscriptionUpdateParams,
)

from apps.billing.stripe_double.parameters import WrongParameter, checked
from apps.billing.stripe_double.store import Store, listed, new_stripe_id, shaped

Answer = dict[str, Any]
_OVER = ("canceled", "incomplete_expired")


def create_subscription(store: Store, given: Answer, base: str) -> Answer:
    values = checked(SubscriptionCreateParams, given)
    customer = store.found("customer", values.get("customer", ""))
    if not values.get("items"):
        raise WrongParameter("Missing required param: items.", "items", "parameter_missing")
    name, now = new_stripe_id("sub"), int(time.time())
    items = [_item(store, name, one, at=f"items[{position}]") for position, one in enumerate(values["items"])]
    currencies = {one["price"]["currency"] for one in items}
    if len(currencies) != 1:
        raise WrongParameter("All prices of a subscription have one currency.", "items", "currency_mismatch")
    method = values.get("collection_method", "charge_automatically")
    if method == "send_invoice" and "days_until_due" not in values:
        raise WrongParameter("send_invoice needs days_until_due.", "days_until_due", "parameter_missing")
    if method == "charge_automatically" and not _has_card(store, customer["id"]):
        message = "This customer has no attached payment source or default payment method."
        raise WrongParameter(message, "customer", "resource_missing")
    made = shaped(
        "subscription",
        id=name,
        billing_cycle_anchor=_anchor(values, now),
        billing_cycle_anchor_config=values.get("billing_cycle_anchor_config"),
        cancel_at=None,
        canceled_at=None,
        collection_method=method,
        created=now,
        currency=currencies.pop(),
        customer=customer["id"],
        days_until_due=values.get("days_until_due"),
        items=listed(f"/v1/subscription_items?subscription={name}", items),
        metadata=values.get("metadata") or {},
        next_pending_invoice_item_invoice=None,
        pause_collection=None,
        start_date=now,
        status="active",
        trial_end=None,
        trial_start=None,
    )
    _set_trial(made, values, now)
    return store.keep("subscription", made)


def _anchor(values: Answer, now: int) -> int:
    """The given moment, or the next one with the day of the month that was asked for, in UTC."""
    if "billing_cycle_anchor" in values:
        return int(values["billing_cycle_anchor"])
    wanted = values.get("billing_cycle_anchor_config")
    if not wanted:
        return now
    if wanted["day_of_month"] != 1:
        raise WrongParameter("The double knows the first of the month.", "billing_cycle_anchor_config", "invalid")
    today = datetime.fromtimestamp(now, UTC)
    year, month = (today.year + 1, 1) if today.month == 12 else (today.year, today.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())


def _set_trial(subscription: Answer, values: Answer, now: int) -> None:
    if "trial_end" not in values:
        return
    if values["trial_end"] == "now":
        subscription["trial_end"], subscription["status"] = now, "active"
        return
    if values["trial_end"] <= now:
        raise WrongParameter("trial_end must be in the future.", "trial_end", "parameter_invalid")
    subscription["trial_start"] = subscription["trial_start"] or now
    subscription["trial_end"], subscription["status"] = values["trial_end"], "trialing"


def _has_card(store: Store, customer: str) -> bool:
    return any(one["customer"] == customer for one in store.objects["method"].values())


def _item(store: Store, subscription: str, given: Answer, at: str) -> Answer:
    price = store.found("price", given.get("price", ""))
    if price["type"] != "recurring":
        raise WrongParameter("The price is not recurring.", f"{at}[price]", "price_not_recurring")
    is_metered = price["recurring"]["usage_type"] == "metered"
    if is_metered and "quantity" in given:
        message = "A metered price has no quantity; its meter counts."
        raise WrongParameter(message, f"{at}[quantity]", "parameter_invalid")
    made = shaped(
        "subscription_item",
        id=new_stripe_id("si"),
        created=int(time.time()),
        metadata=given.get("metadata") or {},
        price=price,
        quantity=given.get("quantity", 1),
        subscription=subscription,
        billing_thresholds=None,
    )
    made.pop("plan")  # the old name of a price; its published sample is not of this item
    if is_metered:
        made.pop("quantity")
    return made


def get_subscription(store: Store, given: Answer, base: str, name: str) -> Answer:
    return store.found("subscription", name)


def list_subscriptions(store: Store, given: Answer, base: str) -> Answer:
    values = checked(SubscriptionListParams, given)
    wanted = values.get("status")
    rows = [
        one
        for one in store.objects["subscription"].values()
        if values.get("customer") in (None, one["customer"])
        and (wanted == "all" or (one["status"] not in _OVER if wanted is None else one["status"] == wanted))
    ]
    return listed("/v1/subscriptions", rows)


def update_subscription(store: Store, given: Answer, base: str, name: str) -> Answer:
    values = checked(SubscriptionUpdateParams, given)
    subscription = store.found("subscription", name)
    if subscription["status"] in _OVER:
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise WrongParameter(message, "id", "resource_invalid_state")
    if values.get("items") and values.get("proration_behavior") != "none":
        message = "The double does not prorate: say proration_behavior=none."
        raise WrongParameter(message, "proration_behavior", "parameter_invalid")
    if "items" in values:
        subscription["items"]["data"] = _changed_items(store, subscription, values["items"])
    if "pause_collection" in values:
        paused = values["pause_collection"]
        subscription["pause_collection"] = {"resumes_at": None, **paused} if paused else None
    subscription["metadata"] |= values.get("metadata") or {}
    subscription.update({key: values[key] for key in ("cancel_at_period_end", "days_until_due") if key in values})
    _set_trial(subscription, values, int(time.time()))
    return subscription


def _changed_items(store: Store, subscription: Answer, changes: list[Answer]) -> list[Answer]:
    """Items that are not spoken of stay, as at Stripe."""
    items = {one["id"]: one for one in subscription["items"]["data"]}
    for position, change in enumerate(changes):
        at = f"items[{position}]"
        if "id" not in change:
            made = _item(store, subscription["id"], change, at)
            if any(one["price"]["id"] == made["price"]["id"] for one in items.values()):
                message = "Cannot add multiple subscription items with the same price."
                raise WrongParameter(message, f"{at}[price]", "parameter_invalid")
            items[made["id"]] = made
            continue
        if change["id"] not in items:
            raise WrongParameter(f"No such subscription item: {change['id']}", f"{at}[id]", "resource_missing")
        if change.get("deleted"):
            del items[change["id"]]
        elif "price" in change:
            items[change["id"]] = {**_item(store, subscription["id"], change, at), "id": change["id"]}
    if not items:
        raise WrongParameter("A subscription must have at least one active item.", "items", "parameter_invalid")
    return list(items.values())


def cancel_subscription(store: Store, given: Answer, base: str, name: str) -> Answer:
    checked(SubscriptionCancelParams, given)
    subscription = store.found("subscription", name)
    if subscription["status"] in _OVER:
        raise WrongParameter(f"No such subscription: {name}", "id", "resource_missing")
    now = int(time.time())
    subscription.update(status="canceled", canceled_at=now, ended_at=now)
    return subscription


ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
    ("POST", re.compile(r"/v1/subscriptions"), create_subscription),
    ("GET", re.compile(r"/v1/subscriptions"), list_subscriptions),
    ("GET", re.compile(r"/v1/subscriptions/(\w+)"), get_subscription),
    ("POST", re.compile(r"/v1/subscriptions/(\w+)"), update_subscription),
    ("DELETE", re.compile(r"/v1/subscriptions/(\w+)"), cancel_subscription),
]
