"""The double's resources: what each call does and answers, in Stripe's shapes."""

import re
import time
from collections.abc import Callable
from typing import Any

from stripe.params import CustomerCreateParams
from stripe.params.billing import MeterEventCreateParams, MeterListEventSummariesParams, MeterListParams
from stripe.params.checkout import SessionCreateParams, SessionExpireParams

from apps.billing.stripe_double.parameters import WrongParameter, checked
from apps.billing.stripe_double.store import Store, new_stripe_id, shaped

OLDEST_S = 35 * 86_400
NEWEST_S = 300
Answer = dict[str, Any]


class NotThere(Exception):
    """Becomes Stripe's 404 resource_missing."""


def create_customer(store: Store, given: Answer, base: str) -> Answer:
    values = checked(CustomerCreateParams, given)
    customer = shaped(
        "customer",
        id=new_stripe_id("cus"),
        created=int(time.time()),
        livemode=False,
        name=values.get("name"),
        email=values.get("email"),
        metadata=values.get("metadata", {}),
    )
    store.objects["customer"][customer["id"]] = customer
    return customer


def get_customer(store: Store, given: Answer, base: str, customer_id: str) -> Answer:
    return _found(store, "customer", customer_id)


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
    return _found(store, "session", session_id)


def expire_session(store: Store, given: Answer, base: str, session_id: str) -> Answer:
    checked(SessionExpireParams, given)
    session = _found(store, "session", session_id)
    if session["status"] != "open":
        raise WrongParameter("Only open sessions can be expired.", "id", "resource_invalid_state")
    session["status"] = "expired"
    return session


def create_meter_event(store: Store, given: Answer, base: str) -> Answer:
    values = checked(MeterEventCreateParams, given)
    payload = values["payload"]
    for name in ("stripe_customer_id", "value"):
        if name not in payload:
            raise WrongParameter(f"The payload lacks {name}.", f"payload[{name}]", "parameter_missing")
    if not re.fullmatch(r"-?\d+", payload["value"]):
        raise WrongParameter("The value is no whole number.", "payload[value]", "meter_event_invalid_value")
    if payload["stripe_customer_id"] not in store.objects["customer"]:
        raise WrongParameter("No such customer.", "payload[stripe_customer_id]", "meter_event_customer_not_found")
    now = int(time.time())
    timestamp = values.get("timestamp", now)
    if not now - OLDEST_S <= timestamp <= now + NEWEST_S:
        raise WrongParameter("The timestamp must be within 35 days.", "timestamp", "timestamp_too_far_in_past")
    identifier = values.get("identifier") or new_stripe_id("meter_event")
    if len(identifier) > 100:
        raise WrongParameter("The identifier is longer than 100 characters.", "identifier", "parameter_invalid")
    if identifier in store.meter_events:
        message = f"An event already exists with identifier {identifier}."
        raise WrongParameter(message, "identifier", "duplicate_meter_event")
    store.meter_named(values["event_name"])
    event = shaped(
        "billing.meter_event",
        created=now,
        event_name=values["event_name"],
        identifier=identifier,
        livemode=False,
        payload=payload,
        timestamp=timestamp,
    )
    store.meter_events[identifier] = event
    return event


def list_meters(store: Store, given: Answer, base: str) -> Answer:
    checked(MeterListParams, given)
    return _list("/v1/billing/meters", list(store.objects["meter"].values()))


def list_summaries(store: Store, given: Answer, base: str, meter_id: str) -> Answer:
    values = checked(MeterListEventSummariesParams, given)
    _found(store, "meter", meter_id)
    start, end = values["start_time"], values["end_time"]
    summary = shaped(
        "billing.meter_event_summary",
        id=new_stripe_id("mtrusg_test"),
        aggregated_value=store.sum_of(meter_id, values["customer"], start, end),
        start_time=start,
        end_time=end,
        livemode=False,
        meter=meter_id,
    )
    return _list(f"/v1/billing/meters/{meter_id}/event_summaries", [summary])


ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
    ("POST", re.compile(r"/v1/customers"), create_customer),
    ("GET", re.compile(r"/v1/customers/(\w+)"), get_customer),
    ("POST", re.compile(r"/v1/checkout/sessions"), create_session),
    ("GET", re.compile(r"/v1/checkout/sessions/(\w+)"), get_session),
    ("POST", re.compile(r"/v1/checkout/sessions/(\w+)/expire"), expire_session),
    ("POST", re.compile(r"/v1/billing/meter_events"), create_meter_event),
    ("GET", re.compile(r"/v1/billing/meters"), list_meters),
    ("GET", re.compile(r"/v1/billing/meters/(\w+)/event_summaries"), list_summaries),
]


def _found(store: Store, kind: str, wanted: str) -> Answer:
    if wanted not in store.objects[kind]:
        raise NotThere(f"No such {kind}: '{wanted}'")
    return store.objects[kind][wanted]


def _list(url: str, rows: list[Answer]) -> Answer:
    return {"object": "list", "url": url, "has_more": False, "data": rows}


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
