"""The double's payments: saved methods, payments without the customer, refunds, disputes, the customer portal."""

import re
import time
from collections.abc import Callable
from typing import Any

from stripe.params import PaymentIntentCreateParams, RefundCreateParams, RefundListParams
from stripe.params.billing_portal import SessionCreateParams

from apps.billing.stripe_double.parameters import WrongParameter, checked
from apps.billing.stripe_double.store import Store, listed, new_stripe_id, shaped

Answer = dict[str, Any]


class Declined(Exception):
    """Becomes Stripe's 402 card_error."""


def save_method(store: Store, session: Answer, *, declines: bool) -> None:
    """What happens on the page of a Checkout session with mode=setup."""
    method = shaped(
        "payment_method",
        id=new_stripe_id("pm"),
        created=int(time.time()),
        customer=session["customer"],
        livemode=False,
        metadata={"declines": "yes"} if declines else {},
    )
    intent = shaped(
        "setup_intent",
        id=new_stripe_id("seti"),
        created=int(time.time()),
        customer=session["customer"],
        livemode=False,
        payment_method=method["id"],
        status="succeeded",
    )
    store.objects["method"][method["id"]], store.objects["setup"][intent["id"]] = method, intent
    session["setup_intent"] = intent["id"]


def make_intent(store: Store, *, amount: int, currency: str, customer: str, metadata: Answer, method: str) -> Answer:
    """Return a payment that has succeeded."""
    intent = shaped(
        "payment_intent",
        id=new_stripe_id("pi"),
        amount=amount,
        amount_received=amount,
        created=int(time.time()),
        currency=currency,
        customer=customer,
        livemode=False,
        metadata=metadata,
        payment_method=method,
        status="succeeded",
    )
    store.objects["intent"][intent["id"]] = intent
    return intent


def create_intent(store: Store, given: Answer, base: str) -> Answer:
    values = checked(PaymentIntentCreateParams, given)
    if not (values.get("confirm") and values.get("off_session")):
        raise WrongParameter(
            "The double knows confirm=true with off_session=true only.", "confirm", "parameter_invalid"
        )
    method = store.found("method", values.get("payment_method", ""))
    if method["customer"] != values.get("customer"):
        message = "The PaymentMethod does not belong to the Customer."
        raise WrongParameter(message, "payment_method", "payment_method_customer_mismatch")
    if values["amount"] <= 0:
        raise WrongParameter("Invalid positive integer", "amount", "parameter_invalid_integer")
    if method["metadata"].get("declines"):
        raise Declined("Your card was declined.")
    return make_intent(
        store,
        amount=values["amount"],
        currency=values["currency"],
        customer=values["customer"],
        metadata=values.get("metadata", {}),
        method=method["id"],
    )


def get_intent(store: Store, given: Answer, base: str, name: str) -> Answer:
    return store.found("intent", name)


def get_setup(store: Store, given: Answer, base: str, name: str) -> Answer:
    return store.found("setup", name)


def get_dispute(store: Store, given: Answer, base: str, name: str) -> Answer:
    return store.found("dispute", name)


def create_refund(store: Store, given: Answer, base: str) -> Answer:
    values = checked(RefundCreateParams, given)
    intent = store.found("intent", values.get("payment_intent", ""))
    back = [one for one in store.objects["refund"].values() if one["payment_intent"] == intent["id"]]
    left = intent["amount_received"] - sum(one["amount"] for one in back)
    amount = values.get("amount", left)
    if not 0 < amount <= left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise WrongParameter(message, "amount", "charge_already_refunded")
    refund = shaped(
        "refund",
        id=new_stripe_id("re"),
        amount=amount,
        created=int(time.time()),
        currency=intent["currency"],
        payment_intent=intent["id"],
        status="succeeded",
    )
    store.objects["refund"][refund["id"]] = refund
    return refund


def list_refunds(store: Store, given: Answer, base: str) -> Answer:
    values = checked(RefundListParams, given)
    wanted = values.get("payment_intent")
    rows = [one for one in store.objects["refund"].values() if wanted in (None, one["payment_intent"])]
    return listed("/v1/refunds", rows)


def make_dispute(store: Store, intent_id: str) -> Answer:
    """What a bank does: for tests and people who try it out."""
    intent = store.found("intent", intent_id)
    dispute = shaped(
        "dispute",
        id=new_stripe_id("du"),
        amount=intent["amount_received"],
        created=int(time.time()),
        currency=intent["currency"],
        livemode=False,
        payment_intent=intent_id,
        status="needs_response",
    )
    store.objects["dispute"][dispute["id"]] = dispute
    return dispute


def create_portal(store: Store, given: Answer, base: str) -> Answer:
    values = checked(SessionCreateParams, given)
    store.found("customer", values.get("customer", ""))
    name = new_stripe_id("bps")
    session = shaped(
        "billing_portal.session",
        id=name,
        created=int(time.time()),
        customer=values["customer"],
        livemode=False,
        return_url=values.get("return_url"),
        url=f"{base}/portal/{name}",
    )
    store.objects["portal"][name] = session
    return session


ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
    ("POST", re.compile(r"/v1/payment_intents"), create_intent),
    ("GET", re.compile(r"/v1/payment_intents/(\w+)"), get_intent),
    ("GET", re.compile(r"/v1/setup_intents/(\w+)"), get_setup),
    ("POST", re.compile(r"/v1/refunds"), create_refund),
    ("GET", re.compile(r"/v1/refunds"), list_refunds),
    ("GET", re.compile(r"/v1/disputes/(\w+)"), get_dispute),
    ("POST", re.compile(r"/v1/billing_portal/sessions"), create_portal),
]
