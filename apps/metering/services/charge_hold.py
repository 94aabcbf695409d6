"""Charges what a run or a batch used against the money held for it, and releases the rest of the hold."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.ledger.models import Hold, Price
from apps.ledger.services.close_hold import close_hold
from apps.metering.rules import charge_records, period_for
from apps.metering.services.insert_events import EventRow, insert_events
from apps.metering.services.lock_open_months import lock_open_months
from apps.metering.services.write_overage import write_overage


@dataclass(frozen=True)
class HoldCharge:
    """One usage event to be. `id` is stable (uuid5 of its cause); the amount is units × the price row's unit price."""

    id: str
    meter: str
    units: int
    price: str  # prc_…
    amount_micros: int
    endpoint: str = ""
    model_version: str = ""
    run: str = ""
    at: datetime = field(default_factory=timezone.now)


@transaction.atomic
def charge_hold(subject: str, *, events: Sequence[HoldCharge]) -> int:
    """Return the micros charged, at most the hold; what goes beyond is recorded as overage and not charged.

    Doing it again changes nothing and returns what was charged the first time.
    """
    hold = Hold.objects.select_for_update(no_key=True).select_related("wallet__organisation").get(subject=subject)
    if hold.state != "open":
        return hold.charged_micros
    _check_amounts(events)
    organisation = hold.wallet.organisation
    open_from = lock_open_months([organisation.pk])[organisation.pk]
    ref = f"usage:{subject}"
    rows = []
    for event in events:
        period, late = period_for(event.at, open_from)
        rows.append(
            EventRow(
                id=event.id,
                organisation_id=organisation.pk,
                meter=event.meter,
                endpoint=event.endpoint,
                key="",
                model_version=event.model_version,
                run=event.run or subject,
                units=event.units,
                price=event.price,
                amount_micros=event.amount_micros,
                currency=hold.wallet.currency,
                occurred_at=event.at,
                period=period,
                late=late,
                ledger_ref=ref,
            )
        )
    new = insert_events(rows)
    charge = charge_records(
        [(row.id, subject, row.amount_micros) for row in rows if row.id in new],
        lease_left={subject: hold.amount_micros},
        spendable_micros=0,
    )
    write_overage(rows, charge.overage)
    at = max((row.occurred_at for row in rows), default=None)
    close_hold(hold, charge_micros=charge.held_micros, write_off_micros=charge.overage_micros, at=at)
    return charge.held_micros


def _check_amounts(events: Sequence[HoldCharge]) -> None:
    prices = Price.objects.in_bulk({event.price for event in events})
    for event in events:
        price = prices.get(event.price)
        if price is None or event.units < 0 or event.units * price.unit_price_micros != event.amount_micros:
            raise ValueError(f"{event.amount_micros} micros for {event.units} {event.meter} do not follow from {price}")
