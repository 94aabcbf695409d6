"""How each state looks: its word and its colour, the same on every page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    kind: str  # good | warn | bad | busy | "" (neutral)
    label: str


_LOOKS = {
    "received": Look("busy", "Received"),
    "checking": Look("busy", "Checking"),
    "ready": Look("good", "Ready"),
    "refused": Look("bad", "Refused"),
    "draft": Look("", "Draft"),
    "queued": Look("", "Queued"),
    "running": Look("busy", "Running"),
    "validating": Look("busy", "Validating"),
    "exporting": Look("busy", "Exporting"),
    "succeeded": Look("good", "Succeeded"),
    "failed": Look("bad", "Failed"),
    "cancelled": Look("", "Cancelled"),
    "starting": Look("busy", "Starting"),
    "paused": Look("warn", "Paused"),
    "deleted": Look("", "Deleted"),
    "waiting": Look("", "Waiting"),
    "fitting": Look("busy", "Fitting"),
    "done": Look("good", "Done"),
    "skipped": Look("", "Skipped"),
    "active": Look("good", "Active"),
    "live": Look("good", "Active"),
    "revoked": Look("", "Revoked"),
    "expired": Look("warn", "Expired"),
    "pending": Look("busy", "Pending"),
    "paid": Look("good", "Paid"),
    "open": Look("good", "Open"),
    "closed": Look("", "Closed"),
    "preparing": Look("busy", "Preparing"),
    "training": Look("busy", "Training"),
    "comparing": Look("busy", "Comparing"),
    "promoted": Look("good", "Promoted"),
    "lost": Look("warn", "Machine lost"),
}


_MOVEMENTS = {
    "grant": "Credit granted",
    "topup": "Top-up",
    "hold": "Set aside for a run or a batch",
    "release": "Given back, nothing was used",
    "usage": "Given back after a run or a batch",
    "lease": "Lent to a server for predictions",
    "lease-close": "Given back by a server",
    "refund": "Refund",
    "reversal": "Reversal",
}


def movement_of(kind: str) -> str:
    """What a ledger transaction of this kind does to the credit, in words."""
    return _MOVEMENTS.get(kind, str(kind).replace("_", " ").capitalize())


def look_of(state: str) -> Look:
    """The look of a state; an unknown one is shown plainly by its own name."""
    return _LOOKS.get(state, Look("", str(state).replace("_", " ").capitalize()))
