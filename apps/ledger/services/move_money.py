"""Moves a wallet's money and, for credit wallets, posts the same movement to the ledger, in one transaction."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from apps.ledger.models import Wallet
from apps.ledger.rules import Movement
from apps.ledger.services.post import post


def move_money(
    wallet: Wallet, movement: Movement, *, kind: str, ref: str, at: datetime | None = None, note: str = ""
) -> bool:
    """Return False, having changed nothing, when the wallet does not have the money.

    The conditional UPDATE is the only guard against overspending, so `wallet` may be a stale copy.
    """
    with transaction.atomic():
        moved = Wallet.objects.filter(
            pk=wallet.pk,
            available_micros__gte=-F("overdraft_micros") - movement.available_change,
            held_micros__gte=-movement.held_change,
        )
        if movement.available_change >= 0:  # giving back is always possible, also after an overdraft was lowered
            moved = Wallet.objects.filter(pk=wallet.pk, held_micros__gte=-movement.held_change)
        changed = moved.update(
            available_micros=F("available_micros") + movement.available_change,
            held_micros=F("held_micros") + movement.held_change,
            spent_micros=F("spent_micros") + movement.spent_change,
        )
        if not changed:
            return False
        entries = movement.entries(wallet.organisation_id)
        if wallet.budget_id is None and any(entries.values()):
            posted = post(
                kind,
                ref=ref,
                organisation=wallet.organisation,
                entries=entries,
                currency=wallet.currency,
                at=at,
                note=note,
            )
            if posted is None:  # callers guard their refs by row states: a second one is a bug, and must undo the move
                raise RuntimeError(f"ledger ref {ref} was posted before")
        return True
