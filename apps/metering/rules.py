"""Pure decisions of metering: lease sizes, months, and how a batch of records is charged to leases and credit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

LEASE_TTL_S = 60
ABANDONED_AFTER_S = 15 * 60  # past its expiry; then the lease is closed in the customer's favour
BLOCK_SHARE = 20  # a lease takes at most 1/20 of what is available, so many nodes can share a wallet
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_US = 4_102_444_800_000_000  # 2100-01-01: a clock beyond it is broken, not ahead
BIGGEST_MICROS = 10**15  # a thousand million units of currency for one record is a mistake


def lease_size(*, want_micros: int, least_micros: int, spendable_micros: int) -> int:
    """Return the micros to grant: 0 when not even the least is there; never more than is spendable.

    Whole multiples of the least: odd remainders in many leases would add up to requests that nobody could pay.
    """
    least = max(1, least_micros)
    if spendable_micros < least:
        return 0
    block = min(max(want_micros, least), max(least, spendable_micros // BLOCK_SHARE))
    return min(block, spendable_micros) // least * least


def moment_of(at_us: int) -> datetime:
    """Return microseconds since the epoch as an exact UTC moment (no floats: they lose microseconds)."""
    return EPOCH + timedelta(microseconds=at_us)


def month_of(moment: datetime) -> date:
    """Return the first day of the UTC month a moment lies in; months are [start, end)."""
    utc = moment.astimezone(UTC)
    return date(utc.year, utc.month, 1)


def month_after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def month_start(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def period_for(occurred_at: datetime, open_from: date) -> tuple[date, bool]:
    """Return the month an event is billed in, and whether it comes late: its own month is closed already."""
    own = month_of(occurred_at)
    return (own, False) if own >= open_from else (open_from, True)


@dataclass
class Charge:
    """How the amounts of some records, in their order, are paid."""

    by_lease: dict[str, int] = field(default_factory=dict)  # lease id -> micros
    from_available: int = 0
    overage: dict[str, int] = field(default_factory=dict)  # record id -> micros that nobody pays

    @property
    def held_micros(self) -> int:
        return sum(self.by_lease.values())

    @property
    def overage_micros(self) -> int:
        return sum(self.overage.values())


def charge_records(
    records: Sequence[tuple[str, str, int]], *, lease_left: dict[str, int], spendable_micros: int
) -> Charge:
    """Pay (record id, lease id, micros) from the named lease, then from spendable credit, the rest is overage.

    `lease_left` is reduced by what is taken, so that a later call for the same leases goes on from there.
    """
    charge = Charge()
    for record_id, lease_id, micros in records:
        left = micros
        taken = min(left, max(0, lease_left.get(lease_id, 0)))
        if taken:
            lease_left[lease_id] -= taken
            charge.by_lease[lease_id] = charge.by_lease.get(lease_id, 0) + taken
            left -= taken
        taken = min(left, max(0, spendable_micros - charge.from_available))
        charge.from_available += taken
        left -= taken
        if left:
            charge.overage[record_id] = charge.overage.get(record_id, 0) + left
    return charge
