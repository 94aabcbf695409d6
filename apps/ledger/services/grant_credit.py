"""Adds credit to an organisation's wallet, once per `ref`."""

from django.db import transaction
from django.db.models import F

from apps.accounts.models import Organisation
from apps.ledger.models import LedgerTransaction, Wallet
from apps.ledger.rules import customer_account, funding_account
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.post import post


@transaction.atomic
def grant_credit(
    organisation: Organisation, *, amount_micros: int, ref: str, source: str = "grant", note: str = ""
) -> LedgerTransaction | None:
    """Post funding:<source> -> customer and raise the wallet. None: this `ref` was granted before."""
    if amount_micros <= 0:
        raise ValueError(f"credit must be positive, not {amount_micros}")
    wallet = credit_wallet(organisation)
    posted = post(
        "topup" if source == "stripe" else "grant",
        ref=ref,
        organisation=organisation,
        entries={funding_account(source): -amount_micros, customer_account(organisation.pk): amount_micros},
        currency=wallet.currency,
        note=note,
    )
    if posted is not None:
        Wallet.objects.filter(pk=wallet.pk).update(available_micros=F("available_micros") + amount_micros)
    return posted
