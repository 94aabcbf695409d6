"""What the double remembers: customers, sessions, meter events, answered keys; in memory and in a JSON file."""

import copy
import json
import os
import secrets
import threading
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
    "product",
    "price",
    "subscription",
    "invoice",
    "invoice_item",
    "credit_note",
    "tax_id",
)


class NotThere(Exception):
    """Becomes Stripe's 404 resource_missing."""


def shaped(kind: str, **values: Any) -> dict[str, Any]:
    """Return an object in the shape that Stripe publishes, with our values in it. Unknown names are a bug of ours."""
    made = copy.deepcopy(_SHAPES[kind])
    unknown = values.keys() - made.keys()
    if unknown:
        raise KeyError(f"{kind} has no {', '.join(sorted(unknown))}")
    return {**made, **values}


def new_stripe_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def listed(url: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Stripe's envelope of a list, all of it on one page."""
    return {"object": "list", "url": url, "has_more": False, "data": rows}


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

    def found(self, kind: str, wanted: str) -> dict[str, Any]:
        """Return the object of that id, or raise NotThere."""
        if wanted not in self.objects[kind]:
            raise NotThere(f"No such {kind}: '{wanted}'")
        return self.objects[kind][wanted]

    def keep(self, kind: str, made: dict[str, Any]) -> dict[str, Any]:
        self.objects[kind][made["id"]] = made
        return made

    def meter_named(self, event_name: str) -> dict[str, Any] | None:
        """Return the active meter of an event name."""
        meters = self.objects["meter"].values()
        return next((one for one in meters if one["event_name"] == event_name and one["status"] == "active"), None)

    def sum_of(self, meter_id: str, customer: str, start: int, end: int) -> int:
        """Return the sum of a customer's meter events in [start, end)."""
        name = self.objects["meter"][meter_id]["event_name"]
        return sum(
            int(event["payload"]["value"])
            for event in self.meter_events.values()
            if event["event_name"] == name
            and not event.get("cancelled")
            and event["payload"]["stripe_customer_id"] == customer
            and start <= event["timestamp"] < end
        )
