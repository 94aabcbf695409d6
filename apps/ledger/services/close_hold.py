"""Ends a hold: what was used is charged, what is left goes back; a hold that is closed stays as it is."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.ledger.models import Hold, Wallet
from apps.ledger.rules import Movement
from apps.ledger.services.move_money import move_money


@transaction.atomic
def close_hold(
    hold: Hold, *, charge_micros: int, write_off_micros: int = 0, at: datetime | None = None, note: str = ""
) -> bool:
    """Charge `charge_micros` (at most the hold) and release the rest. False: it was closed before."""
    if not 0 <= charge_micros <= hold.amount_micros:
        raise ValueError(f"{charge_micros} is outside the hold of {hold.amount_micros} for {hold.subject}")
    closed = Hold.objects.filter(pk=hold.pk, state="open").update(
        state="closed", charged_micros=charge_micros, closed_at=timezone.now()
    )
    if not closed:
        return False
    movement = Movement(
        charge_held=charge_micros, give_back=hold.amount_micros - charge_micros, write_off=write_off_micros
    )
    kind = "usage" if charge_micros or write_off_micros else "release"
    ref = f"{kind}:{hold.subject}"
    wallets = Wallet.objects.select_related("organisation").in_bulk([hold.wallet_id, *hold.budget_wallets])
    for wallet_id in [hold.wallet_id, *hold.budget_wallets]:
        wallet = wallets.get(wallet_id)  # a budget's wallet goes with its budget
        if wallet is not None and not move_money(wallet, movement, kind=kind, ref=ref, at=at, note=note):
            raise RuntimeError(f"wallet {wallet_id} holds less than its hold for {hold.subject}")
    hold.refresh_from_db()
    return True
