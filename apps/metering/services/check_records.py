"""Sorts posted journal records into billable ones and ones that are kept aside with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.accounts.models import Organisation
from apps.ledger.models import Price
from apps.metering.rules import BIGGEST_MICROS, LATEST_US
from contracts.usage import UsageRecord

_TEXT_LIMITS = {"id": 56, "organisation": 40, "endpoint": 40, "key": 40, "model_version": 40, "meter": 40}
_PRICES: dict[str, Price] = {}  # price rows never change, so a row read once is true for ever


@dataclass(frozen=True)
class Refusal:
    record: UsageRecord
    reason: str


def check_records(records: Sequence[UsageRecord]) -> tuple[list[UsageRecord], list[Refusal]]:
    """Recompute each amount from its price row; a record that disagrees, or cannot be read, is refused."""
    currencies = dict(
        Organisation.objects.filter(
            pk__in={record.organisation for record in records if isinstance(record.organisation, str)}
        ).values_list("pk", "currency")
    )
    prices = _prices({record.price_id for record in records if isinstance(record.price_id, str)})
    good, refused = [], []
    for record in records:
        reason = _shape_problem(record) or _money_problem(record, currencies, prices)
        if reason:
            refused.append(Refusal(record, reason))
        else:
            good.append(record)
    return good, refused


def _prices(ids: set[str]) -> dict[str, Price]:
    missing = ids - _PRICES.keys()
    if missing:
        _PRICES.update(Price.objects.in_bulk(missing))
    return _PRICES


def _shape_problem(record: UsageRecord) -> str:
    for name, limit in _TEXT_LIMITS.items():
        value = getattr(record, name)
        if type(value) is not str or len(value) > limit or "\x00" in value:
            return f"{name} is not a text of at most {limit} characters"
    if not record.id:
        return "id is empty"
    for name in ("units", "amount_micros", "at_us"):
        if type(getattr(record, name)) is not int:
            return f"{name} is not a whole number"
    if not 0 <= record.at_us < LATEST_US:
        return "at_us is not a time between 1970 and 2100"
    if type(record.leases) is not dict or not all(type(part) is str for pair in record.leases.items() for part in pair):
        return "leases is not an object of wallet id to lease id"
    return ""


def _money_problem(record: UsageRecord, currencies: dict[str, str], prices: dict[str, Price]) -> str:
    price = prices.get(record.price_id) if isinstance(record.price_id, str) else None
    if price is None:
        return f"there is no price {record.price_id}"
    if record.organisation not in currencies:
        return f"there is no organisation {record.organisation}"
    if price.meter != record.meter:
        return f"price {price.pk} is for {price.meter}, not for {record.meter}"
    if not price.currency == record.currency == currencies[record.organisation]:
        return f"currency {record.currency} does not fit the price or the organisation"
    if record.units < 0 or record.amount_micros > BIGGEST_MICROS:
        return "units or amount are out of range"
    expected = record.units * price.unit_price_micros
    if record.amount_micros != expected:
        return f"{record.units} units at {price.unit_price_micros} micros are {expected}, not {record.amount_micros}"
    return ""
