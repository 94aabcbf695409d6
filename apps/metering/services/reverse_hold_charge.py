"""Takes back what was charged for a run that failed for a reason of ours: a negative event that names it, once."""

import uuid

from django.db import transaction
from django.utils import timezone

from apps.ledger.models import Hold, Wallet
from apps.ledger.rules import Movement
from apps.ledger.services.move_money import move_money
from apps.metering.rules import month_start, period_for
from apps.metering.services.insert_events import EventRow, insert_events
from apps.metering.services.lock_open_months import lock_open_months
from contracts.usage import METER_RUN_CREDIT

_EVENT_NAMESPACE = uuid.UUID("52b0a3a1-6a57-4f0b-8f0b-6d1d9a0f7c64")


@transaction.atomic
def reverse_hold_charge(subject: str, *, note: str = "") -> int:
    """Return the micros given back now: 0 when nothing was charged or all of it was given back before.

    The credit and the hard budgets that paid get it back in one transaction with the event; the event's id and the
    ledger's ref follow from the subject, so a second call, or a second process, finds them and changes nothing.
    """
    hold = Hold.objects.select_for_update(no_key=True).select_related("wallet__organisation").get(subject=subject)
    micros = hold.charged_micros
    if hold.state == "open" or not micros:
        return 0
    organisation, now = hold.wallet.organisation, timezone.now()
    period, late = period_for(now, lock_open_months([organisation.pk])[organisation.pk])
    ref = f"reversal:{subject}"
    event = EventRow(
        id=str(uuid.uuid5(_EVENT_NAMESPACE, subject)),
        organisation_id=organisation.pk,
        meter=METER_RUN_CREDIT,
        endpoint="",
        key="",
        model_version="",
        run=subject,
        units=micros,
        price="",
        amount_micros=-micros,
        currency=hold.wallet.currency,
        occurred_at=now,
        period=period,
        late=late,
        ledger_ref=ref,
    )
    if not insert_events([event]):
        return 0
    at = max(now, month_start(period))
    wallets = Wallet.objects.select_related("organisation").in_bulk([hold.wallet_id, *hold.budget_wallets])
    for wallet_id in sorted(wallets):
        if not move_money(wallets[wallet_id], Movement(refund=micros), kind="reversal", ref=ref, at=at, note=note):
            raise RuntimeError(f"wallet {wallet_id} cannot take back {micros} micros of {subject}")
    return micros
