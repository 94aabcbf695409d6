"""Posts money that is no machine at work: plan fees, what tiers take off, minimum commitments, credits for faults.

It is a usage event like any other, of a meter that counts micros: invoice, dashboard, usage file and Stripe stay one
fold of the events.
"""

from datetime import datetime

from django.db import transaction

from apps.accounts.models import Organisation
from apps.ledger.models import Wallet
from apps.ledger.rules import Movement
from apps.ledger.services.move_money import move_money
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.rules import month_start, period_for
from apps.metering.services.insert_events import EventRow, insert_events
from apps.metering.services.lock_open_months import lock_open_months
from apps.metering.services.write_overage import write_overage
from contracts.problems import Problem
from contracts.usage import MONEY_METERS


@transaction.atomic
def post_adjustment(
    organisation: Organisation,
    *,
    id: str,
    meter: str,
    micros: int,
    price: str,
    at: datetime,
    run: str = "",
    endpoint: str = "",
    may_write_off: bool = False,
    note: str = "",
) -> bool:
    """Charge or credit `micros` (positive; the meter has the sign), once per `id`. False: it was posted before.

    Problem yours:no-credit when a charge is more than there is, unless `may_write_off`: then the rest is overage.
    """
    if micros <= 0 or len(id) > 56:
        raise ValueError(f"an adjustment needs a positive amount and a short id: {micros} {id}")
    sign = MONEY_METERS[meter]
    open_from = lock_open_months([organisation.pk])[organisation.pk]
    period, late = period_for(at, open_from)
    wallet = credit_wallet(organisation)
    event = EventRow(
        id=id,
        organisation_id=organisation.pk,
        meter=meter,
        endpoint=endpoint,
        key="",
        model_version="",
        run=run,
        units=micros,
        price=price,
        amount_micros=sign * micros,
        currency=wallet.currency,
        occurred_at=at,
        period=period,
        late=late,
        ledger_ref=f"adjust:{id}",
    )
    if not insert_events([event]):
        return False
    locked = Wallet.objects.select_for_update(no_key=True).get(pk=wallet.pk)
    movement, overage = _movement(locked, sign, micros, may_write_off=may_write_off)
    moment = max(at, month_start(period))
    if not move_money(locked, movement, kind="adjustment", ref=f"adjust:{id}", at=moment, note=note):
        raise RuntimeError(f"wallet {wallet.pk} changed under its lock")
    write_overage([event], {id: overage} if overage else {})
    return True


def _movement(wallet: Wallet, sign: int, micros: int, *, may_write_off: bool) -> tuple[Movement, int]:
    if sign < 0:
        return Movement(refund=micros), 0
    free = max(0, wallet.available_micros + wallet.overdraft_micros)
    if free >= micros:
        return Movement(charge_available=micros), 0
    if not may_write_off:
        raise Problem(
            "yours:no-credit",
            f"This costs {micros} micros; {free} are available.",
            available_micros=free,
            needed_micros=micros,
        )
    return Movement(charge_available=free, write_off=micros - free), micros - free
