"""Usage records and credit leases: how a billed answer reaches the ledger exactly once.

A node spends from local leases, appends one UsageRecord per answer to its journal, answers, and later posts
segments of the journal. `POST /internal/v1/usage` is idempotent by record id and by (node, segment, offset).
"""

from dataclasses import dataclass, field

METER_PREDICTIONS = "predictions"  # unit: one row, image or text answered
METER_BATCH_ROWS = "batch_rows"  # unit: one row answered offline
METER_TRAINING_SECONDS = "training_compute_seconds"  # unit: one second of a pool's machine
METER_OVERAGE = "overage"  # unit: one micro that was delivered but is not charged; its amount is negative
METER_PLAN = "plan"  # unit: one micro of a plan's monthly fee
METER_PLAN_CREDIT = "plan_credit"  # unit: one micro given back for the rest of a month under another plan
METER_COMMITMENT = "commitment"  # unit: one micro that is missing to the agreed minimum of a month
METER_DISCOUNT = "discount"  # unit: one micro that tiers and included amounts take off the list price
METER_RUN_CREDIT = "run_credit"  # unit: one micro credited for a run that failed for a reason of ours
METER_GOODWILL = "goodwill"  # unit: one micro credited for what we did wrong
# Meters that count money itself: amount == units × this.
MONEY_METERS = {
    METER_OVERAGE: -1,
    METER_PLAN: 1,
    METER_PLAN_CREDIT: -1,
    METER_COMMITMENT: 1,
    METER_DISCOUNT: -1,
    METER_GOODWILL: -1,
    METER_RUN_CREDIT: -1,
}


@dataclass(frozen=True)
class UsageRecord:
    id: str  # uuid5 of (endpoint, Idempotency-Key) or uuid7
    organisation: str
    endpoint: str
    key: str
    model_version: str
    meter: str
    units: int
    price_id: str
    amount_micros: int
    currency: str
    at_us: int  # microseconds since the epoch, UTC
    leases: dict[str, str] = field(default_factory=dict)  # wallet id -> lease id


@dataclass(frozen=True)
class UsagePost:
    """Body of `POST /internal/v1/usage`."""

    boot: str  # id of this start of the node
    segment: str
    offset_from: int
    offset_to: int
    records: list[UsageRecord] = field(default_factory=list)


@dataclass(frozen=True)
class UsageAnswer:
    cursor: int  # journal up to here is in the ledger
    duplicates: list[str] = field(default_factory=list)  # record ids that were there already
    refused: list[str] = field(default_factory=list)  # record ids kept for the operators: not billable as they stand


@dataclass(frozen=True)
class LeaseRequest:
    """Body of `POST /internal/v1/leases`."""

    boot: str
    wallet: str
    want_micros: int  # the node's wish; control clamps it
    least_micros: int  # the smallest useful grant: one request's price


@dataclass(frozen=True)
class LeaseGrant:
    """200 with granted_micros > 0, or 402 problem with the wallet that is empty."""

    id: str
    wallet: str
    granted_micros: int
    expires_in_s: float  # relative, so clocks need not agree
    server_time_us: int  # a node more than 2 s away from it refuses to serve


@dataclass(frozen=True)
class LeaseClose:
    """Body of `POST /internal/v1/leases/close`: everything unspent of these leases goes back.

    Sent after the journal of that boot is shipped. `before_boot`: close all leases of this node from other boots.
    """

    boot: str
    leases: list[str] = field(default_factory=list)
    close_other_boots: bool = False
