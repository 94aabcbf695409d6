"""The double's customers with their tax numbers, and its Checkout sessions, in Stripe's shapes."""

import re
import time
from collections.abc import Callable
from typing import Any

from stripe.params import (
    CustomerCreateParams,
    CustomerTaxIdCreateParams,
    CustomerTaxIdListParams,
    CustomerUpdateParams,
)
from stripe.params.checkout import SessionCreateParams, SessionExpireParams

from apps.billing.stripe_double.parameters import WrongParameter, checked
from apps.billing.stripe_double.store import Store, listed, new_stripe_id, shaped

Answer = dict[str, Any]


def create_customer(store: Store, given: Answer, base: str) -> Answer:
    values = checked(CustomerCreateParams, given)
    customer = shaped(
        "customer",
        id=new_stripe_id("cus"),
        created=int(time.time()),
        livemode=False,
        name=values.get("name"),
        email=values.get("email"),
        address=None,
        metadata=values.get("metadata", {}),
    )
    return store.keep("customer", customer)


_PLAIN_FIELDS = ("name", "email", "description", "phone", "tax_exempt")


def update_customer(store: Store, given: Answer, base: str, customer_id: str) -> Answer:
    values = checked(CustomerUpdateParams, given)
    customer = store.found("customer", customer_id)
    customer.update({name: values[name] or None for name in _PLAIN_FIELDS if name in values})
    if "address" in values:
        empty = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
        customer["address"] = {**empty, **values["address"]} if values["address"] else None
    customer["metadata"] |= values.get("metadata") or {}
    return customer


def create_tax_id(store: Store, given: Answer, base: str, customer_id: str) -> Answer:
    values = checked(CustomerTaxIdCreateParams, given)
    store.found("customer", customer_id)
    if values["type"] == "eu_vat" and not re.fullmatch(r"[A-Z]{2}[0-9A-Z+*.]{2,12}", values["value"]):
        raise WrongParameter("Invalid value for eu_vat.", "value", "tax_id_invalid")
    made = shaped(
        "tax_id",
        id=new_stripe_id("txi"),
        created=int(time.time()),
        customer=customer_id,
        country=values["value"][:2] if values["type"] == "eu_vat" else None,
        owner={"type": "customer", "customer": customer_id, "customer_account": None},
        livemode=False,
        type=values["type"],
        value=values["value"],
    )
    return store.keep("tax_id", made)


def list_tax_ids(store: Store, given: Answer, base: str, customer_id: str) -> Answer:
    checked(CustomerTaxIdListParams, given)
    store.found("customer", customer_id)
    mine = [one for one in store.objects["tax_id"].values() if one["customer"] == customer_id]
    return listed(f"/v1/customers/{customer_id}/tax_ids", mine)


def delete_tax_id(store: Store, given: Answer, base: str, customer_id: str, tax_id: str) -> Answer:
    if store.found("tax_id", tax_id)["customer"] != customer_id:
        raise WrongParameter("The tax id is another customer's.", "id", "resource_missing")
    del store.objects["tax_id"][tax_id]
    return {"id": tax_id, "object": "tax_id", "deleted": True}


def get_customer(store: Store, given: Answer, base: str, customer_id: str) -> Answer:
    return store.found("customer", customer_id)


def create_session(store: Store, given: Answer, base: str) -> Answer:
    values = checked(SessionCreateParams, given)
    mode = values.get("mode")
    if mode not in ("payment", "setup"):
        raise WrongParameter("The double knows mode=payment and mode=setup only.", "mode", "parameter_invalid")
    if values.get("customer") not in store.objects["customer"]:
        raise WrongParameter(f"No such customer: {values.get('customer')!r}", "customer", "resource_missing")
    items = values.get("line_items") or []
    if not items and mode == "payment":
        raise WrongParameter("Missing required param: line_items.", "line_items", "parameter_missing")
    amount, currency = _total(items) if mode == "payment" else (0, values.get("currency", "usd"))
    session_id = new_stripe_id("cs_test")
    session = shaped(
        "checkout.session",
        id=session_id,
        created=int(time.time()),
        expires_at=int(time.time()) + 86_400,
        livemode=False,
        mode=mode,
        status="open",
        payment_status="unpaid" if mode == "payment" else "no_payment_required",
        payment_intent=None,
        setup_intent=None,
        customer=values["customer"],
        client_reference_id=values.get("client_reference_id"),
        currency=currency,
        amount_subtotal=amount,
        amount_total=amount,
        success_url=values.get("success_url"),
        cancel_url=values.get("cancel_url"),
        metadata=values.get("metadata", {}),
        url=f"{base}/pay/{session_id}",
    )
    store.objects["session"][session_id] = session
    return session


def get_session(store: Store, given: Answer, base: str, session_id: str) -> Answer:
    return store.found("session", session_id)


def expire_session(store: Store, given: Answer, base: str, session_id: str) -> Answer:
    checked(SessionExpireParams, given)
    session = store.found("session", session_id)
    if session["status"] != "open":
        raise WrongParameter("Only open sessions can be expired.", "id", "resource_invalid_state")
    session["status"] = "expired"
    return session


ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
    ("POST", re.compile(r"/v1/customers"), create_customer),
    ("GET", re.compile(r"/v1/customers/(\w+)"), get_customer),
    ("POST", re.compile(r"/v1/checkout/sessions"), create_session),
    ("GET", re.compile(r"/v1/checkout/sessions/(\w+)"), get_session),
    ("POST", re.compile(r"/v1/checkout/sessions/(\w+)/expire"), expire_session),
    ("POST", re.compile(r"/v1/customers/(\w+)"), update_customer),
    ("GET", re.compile(r"/v1/customers/(\w+)/tax_ids"), list_tax_ids),
    ("POST", re.compile(r"/v1/customers/(\w+)/tax_ids"), create_tax_id),
    ("DELETE", re.compile(r"/v1/customers/(\w+)/tax_ids/(\w+)"), delete_tax_id),
]


def _total(items: list[Answer]) -> tuple[int, str]:
    amount, currency = 0, ""
    for position, item in enumerate(items):
        data = item.get("price_data")
        if not data or "unit_amount" not in data:
            at = f"line_items[{position}][price_data]"
            raise WrongParameter(f"The double needs {at}[unit_amount].", at, "parameter_missing")
        currency = data["currency"]
        amount += data["unit_amount"] * item.get("quantity", 1)
    return amount, currency
