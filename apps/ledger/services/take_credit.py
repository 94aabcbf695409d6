"""Takes unused credit of one lot out of the wallet: it has expired, or it is paid back to where it came from."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from apps.ledger.models import CreditLot, LedgerTransaction, Wallet
from apps.ledger.rules import customer_account, expired_account, funding_account
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.post import post


def expire_credit(lot: CreditLot, amount_micros: int, *, ref: str, at: datetime) -> bool:
    """False, having changed nothing, when the wallet or the lot has less than that to spare."""
    return _take(lot, amount_micros, ref=ref, at=at, kind="expiry", to=expired_account(lot.organisation_id))


def withdraw_credit(lot: CreditLot, amount_micros: int, *, ref: str, at: datetime, source: str = "stripe") -> bool:
    """As expire_credit, but the money goes back to `source`."""
    return _take(lot, amount_micros, ref=ref, at=at, kind="refund", to=funding_account(source))


def _take(lot: CreditLot, amount_micros: int, *, ref: str, at: datetime, kind: str, to: str) -> bool:
    column = "expired_micros" if kind == "expiry" else "withdrawn_micros"
    wallet = credit_wallet(lot.organisation)
    with transaction.atomic():
        taken = Wallet.objects.filter(pk=wallet.pk, available_micros__gte=amount_micros).update(
            available_micros=F("available_micros") - amount_micros
        )
        if not taken:
            return False
        had = CreditLot.objects.filter(pk=lot.pk, left_micros__gte=amount_micros).update(
            **{column: F(column) + amount_micros}
        )
        posted: LedgerTransaction | None = None
        if had:
            posted = post(
                kind,
                ref=ref,
                organisation=lot.organisation,
                entries={customer_account(lot.organisation_id): -amount_micros, to: amount_micros},
                currency=lot.currency,
                at=at,
                note=lot.note,
            )
        if posted is None:
            transaction.set_rollback(True)
        return posted is not None
