"""What the double remembers: customers, sessions, meter events, answered keys; in memory and in a JSON file."""

import copy
import json
import os
import secrets
import threading
import time
from pathlib import Path
from typing import Any

_SHAPES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "shapes.json").read_text())


KINDS = (
    "customer",
    "session",
    "meter",
    "event",
    "intent",
    "setup",
    "method",
    "refund",
    "dispute",
    "portal",
)


def shaped(kind: str, **values: Any) -> dict[str, Any]:
    """Return an object in the shape that Stripe publishes, with our values in it. Unknown names are a bug of ours."""
    made = copy.deepcopy(_SHAPES[kind])
    unknown = values.keys() - made.keys()
    if unknown:
        raise KeyError(f"{kind} has no {', '.join(sorted(unknown))}")
    return {**made, **values}


def new_stripe_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


class Store:
    """One lock around everything: the double is correct, not fast."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.path = path
        self.objects: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self.meter_events: dict[str, dict[str, Any]] = {}  # identifier -> event
        self.answers: dict[str, list[Any]] = {}  # idempotency key -> [fingerprint, status, body]
        if path is not None and path.exists():
            known = json.loads(path.read_text())
            self.objects |= known["objects"]
            self.meter_events, self.answers = known["meter_events"], known["answers"]

    def save(self) -> None:
        """Written beside and renamed, so that a kill leaves the old or the new state."""
        if self.path is None:
            return
        with self.lock:
            text = json.dumps(
                {"objects": self.objects, "meter_events": self.meter_events, "answers": self.answers}, sort_keys=True
            )
            beside = self.path.with_suffix(".new")
            beside.write_text(text)
            os.replace(beside, self.path)

    def meter_named(self, event_name: str) -> dict[str, Any]:
        """Return the meter of an event name; the double sets it up when it is first spoken of."""
        for meter in self.objects["meter"].values():
            if meter["event_name"] == event_name:
                return meter
        made = shaped(
            "billing.meter",
            id=new_stripe_id("mtr_test"),
            event_name=event_name,
            display_name=event_name,
            livemode=False,
            created=int(time.time()),
            updated=int(time.time()),
            customer_mapping={"event_payload_key": "stripe_customer_id", "type": "by_id"},
        )
        self.objects["meter"][made["id"]] = made
        return made

    def sum_of(self, meter_id: str, customer: str, start: int, end: int) -> int:
        """Return the sum of a customer's meter events in [start, end)."""
        name = self.objects["meter"][meter_id]["event_name"]
        return sum(
            int(event["payload"]["value"])
            for event in self.meter_events.values()
            if event["event_name"] == name
            and event["payload"]["stripe_customer_id"] == customer
            and start <= event["timestamp"] < end
        )
