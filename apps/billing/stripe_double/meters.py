"""The double's meters: events counted once by their identifier, sums by the hour, events taken back within a day."""

import re
import time
from collections.abc import Callable
from typing import Any

from stripe.params.billing import (
    MeterCreateParams,
    MeterEventAdjustmentCreateParams,
    MeterEventCreateParams,
    MeterListEventSummariesParams,
    MeterListParams,
)

from apps.billing.stripe_double.parameters import WrongParameter, checked
from apps.billing.stripe_double.store import Store, listed, new_stripe_id, shaped

OLDEST_S = 35 * 86_400
NEWEST_S = 300
CANCEL_WITHIN_S = 86_400
_HOUR_S = 3600
Answer = dict[str, Any]


def create_meter(store: Store, given: Answer, base: str) -> Answer:
    values = checked(MeterCreateParams, given)
    name = values["event_name"]
    if store.meter_named(name) is not None:
        message = f"An active meter with event name {name} already exists."
        raise WrongParameter(message, "event_name", "resource_already_exists")
    made = shaped(
        "billing.meter",
        id=new_stripe_id("mtr_test"),
        event_name=name,
        display_name=values["display_name"],
        default_aggregation=values["default_aggregation"],
        event_time_window=values.get("event_time_window"),
        livemode=False,
        created=int(time.time()),
        updated=int(time.time()),
        customer_mapping=values.get("customer_mapping") or {"event_payload_key": "stripe_customer_id", "type": "by_id"},
        value_settings=values.get("value_settings") or {"event_payload_key": "value"},
    )
    return store.keep("meter", made)


def list_meters(store: Store, given: Answer, base: str) -> Answer:
    values = checked(MeterListParams, given)
    rows = [one for one in store.objects["meter"].values() if values.get("status") in (None, one["status"])]
    return listed("/v1/billing/meters", rows)


def create_meter_event(store: Store, given: Answer, base: str) -> Answer:
    values = checked(MeterEventCreateParams, given)
    payload, identifier = values["payload"], values.get("identifier") or new_stripe_id("meter_event")
    now = int(time.time())
    timestamp = values.get("timestamp", now)
    _check_payload(store, payload)
    if store.meter_named(values["event_name"]) is None:
        message = f"No active meter found for event name {values['event_name']}."
        raise WrongParameter(message, "event_name", "no_meter")
    if not now - OLDEST_S <= timestamp <= now + NEWEST_S:
        raise WrongParameter("The timestamp must be within 35 days.", "timestamp", "timestamp_too_far_in_past")
    if len(identifier) > 100:
        raise WrongParameter("The identifier is longer than 100 characters.", "identifier", "parameter_invalid")
    if identifier in store.meter_events:
        message = f"An event already exists with identifier {identifier}."
        raise WrongParameter(message, "identifier", "duplicate_meter_event")
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


def _check_payload(store: Store, payload: Answer) -> None:
    for name in ("stripe_customer_id", "value"):
        if name not in payload:
            raise WrongParameter(f"The payload lacks {name}.", f"payload[{name}]", "parameter_missing")
    if not re.fullmatch(r"-?\d+", payload["value"]):
        raise WrongParameter("The value is no whole number.", "payload[value]", "meter_event_invalid_value")
    if payload["stripe_customer_id"] not in store.objects["customer"]:
        raise WrongParameter("No such customer.", "payload[stripe_customer_id]", "meter_event_customer_not_found")


def create_adjustment(store: Store, given: Answer, base: str) -> Answer:
    """Take an event back; only within 24 hours of its arrival."""
    values = checked(MeterEventAdjustmentCreateParams, given)
    identifier = values.get("cancel", {}).get("identifier", "")
    event = store.meter_events.get(identifier)
    if event is None or event["event_name"] != values["event_name"]:
        message = f"No event of that name has the identifier {identifier}."
        raise WrongParameter(message, "cancel[identifier]", "resource_missing")
    if event.get("cancelled"):
        message = f"The event {identifier} is already cancelled."
        raise WrongParameter(message, "cancel[identifier]", "meter_event_already_cancelled")
    if event["created"] < time.time() - CANCEL_WITHIN_S:
        message = "Events can be cancelled within 24 hours of their receipt."
        raise WrongParameter(message, "cancel[identifier]", "meter_event_too_old")
    event["cancelled"] = True
    return shaped(
        "billing.meter_event_adjustment",
        cancel={"identifier": identifier},
        event_name=values["event_name"],
        livemode=False,
        status="pending",
        type="cancel",
    )


def list_summaries(store: Store, given: Answer, base: str, meter_id: str) -> Answer:
    values = checked(MeterListEventSummariesParams, given)
    store.found("meter", meter_id)
    start, end = values["start_time"], values["end_time"]
    for name, moment in (("start_time", start), ("end_time", end)):
        if moment % 60 or (values.get("value_grouping_window") == "hour" and moment % _HOUR_S):
            raise WrongParameter(f"{name} must be aligned with the window.", name, "parameter_invalid")
    step = _HOUR_S if values.get("value_grouping_window") == "hour" else max(end - start, 1)
    rows = [
        shaped(
            "billing.meter_event_summary",
            id=new_stripe_id("mtrusg_test"),
            aggregated_value=store.sum_of(meter_id, values["customer"], moment, min(moment + step, end)),
            start_time=moment,
            end_time=min(moment + step, end),
            livemode=False,
            meter=meter_id,
        )
        for moment in range(start, end, step)
    ]
    return listed(f"/v1/billing/meters/{meter_id}/event_summaries", rows)


ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
    ("POST", re.compile(r"/v1/billing/meters"), create_meter),
    ("GET", re.compile(r"/v1/billing/meters"), list_meters),
    ("POST", re.compile(r"/v1/billing/meter_events"), create_meter_event),
    ("POST", re.compile(r"/v1/billing/meter_event_adjustments"), create_adjustment),
    ("GET", re.compile(r"/v1/billing/meters/(\w+)/event_summaries"), list_summaries),
]
