"""What a run that ended costs: the charge, and what is taken back of it where the failure is ours."""

import uuid

from apps.ledger.services.release_hold import release_hold
from apps.metering.services.charge_hold import HoldCharge, charge_hold
from apps.metering.services.reverse_hold_charge import reverse_hold_charge
from apps.training.models import Run
from contracts.usage import METER_TRAINING_SECONDS

_EVENT_NAMESPACE = uuid.UUID("0b1a6a0e-7f0c-4c57-9f4e-5a3b8f9d2c31")


def charge_run(run: Run, units: int) -> int:
    """Charge the seconds and release the rest of the hold, or release all of it. Returns the micros charged."""
    if units <= 0 or run.unit_price_micros <= 0:
        release_hold(run.id)
        return 0
    charge = HoldCharge(
        id=str(uuid.uuid5(_EVENT_NAMESPACE, f"{run.id}:{run.fence}")),
        meter=METER_TRAINING_SECONDS,
        units=units,
        price=run.price,
        amount_micros=units * run.unit_price_micros,
        run=run.id,
    )
    return charge_hold(run.id, events=[charge])


def credit_run(run: Run, units: int, failure_code: str) -> None:
    """The run failed for a reason of ours: its seconds are charged and credited, so that the invoice shows both.

    In the caller's transaction, with the end of the run: there is no moment at which only one of them is there.
    """
    charge_run(run, units)
    reverse_hold_charge(run.id, note=f"{run.name or run.id} failed: {failure_code}"[:300])
