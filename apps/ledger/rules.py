"""Names of ledger accounts, the sign convention, and which entries a movement of money makes.

Sign convention, once for all: an entry's amount is positive where we owe or have earned, negative where it came from.
    customer:<org>   positive: credit the organisation may still spend   == credit wallet `available`
    held:<org>       positive: credit set aside in leases and holds      == credit wallet `held`
    revenue:<org>    positive: what usage has earned                     == credit wallet `spent` == sum of usage events
    expired:<org>    positive: credit that ran out before it was used
    overage:<org>    positive: usage that was delivered but is not charged, because no credit was left
    funding:<source> negative: where credit came from (stripe, grant); written-off: negative, the contra of overage
"""

from dataclasses import dataclass
from datetime import UTC, datetime

WRITTEN_OFF = "written-off"


def customer_account(organisation_id: str) -> str:
    return f"customer:{organisation_id}"


def held_account(organisation_id: str) -> str:
    return f"held:{organisation_id}"


def revenue_account(organisation_id: str) -> str:
    return f"revenue:{organisation_id}"


def overage_account(organisation_id: str) -> str:
    return f"overage:{organisation_id}"


def expired_account(organisation_id: str) -> str:
    return f"expired:{organisation_id}"


def funding_account(source: str) -> str:
    return f"funding:{source}"


@dataclass(frozen=True)
class Movement:
    """What happens to one wallet at once; every amount is micros and not negative."""

    set_aside: int = 0  # available -> held
    give_back: int = 0  # held -> available
    charge_held: int = 0  # held -> spent
    charge_available: int = 0  # available -> spent
    refund: int = 0  # spent -> available: a price was taken back
    write_off: int = 0  # delivered, not charged; moves no wallet

    def __post_init__(self) -> None:
        parts = (
            self.set_aside,
            self.give_back,
            self.charge_held,
            self.charge_available,
            self.refund,
            self.write_off,
        )
        if any(part < 0 for part in parts):
            raise ValueError(f"a movement cannot be negative: {self}")

    @property
    def available_change(self) -> int:
        return self.give_back + self.refund - self.set_aside - self.charge_available

    @property
    def held_change(self) -> int:
        return self.set_aside - self.give_back - self.charge_held

    @property
    def spent_change(self) -> int:
        return self.charge_held + self.charge_available - self.refund

    def entries(self, organisation_id: str) -> dict[str, int]:
        """Return the ledger's side of the movement, for a credit wallet. It sums to zero by construction."""
        return {
            customer_account(organisation_id): self.available_change,
            held_account(organisation_id): self.held_change,
            revenue_account(organisation_id): self.spent_change,
            overage_account(organisation_id): self.write_off,
            WRITTEN_OFF: -self.write_off,
        }


def budget_period(period: str, at: datetime) -> tuple[datetime | None, datetime | None]:
    """Return [start, end) in UTC of the budget's period around `at`; (None, None) for a budget in total."""
    if period == "total":
        return None, None
    moment = at.astimezone(UTC)
    start = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    return start, datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
