"""Adds credit to an organisation's wallet, once per `ref`, as a lot of its own."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.ledger.lots import PAID, PROMO
from apps.ledger.models import CreditLot, LedgerTransaction, Wallet
from apps.ledger.rules import customer_account, funding_account
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.post import post


@transaction.atomic
def grant_credit(
    organisation: Organisation,
    *,
    amount_micros: int,
    ref: str,
    source: str = "grant",
    note: str = "",
    kind: str = "",
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> LedgerTransaction | None:
    """Post funding:<source> -> customer and raise the wallet. None: this `ref` was granted before.

    `kind` is one of ledger.lots.KINDS; left out, what Stripe collected is paid and everything else promotional.
    """
    if amount_micros <= 0:
        raise ValueError(f"credit must be positive, not {amount_micros}")
    wallet = credit_wallet(organisation)
    moment = now or timezone.now()
    posted = post(
        "topup" if source == "stripe" else "grant",
        ref=ref,
        organisation=organisation,
        entries={funding_account(source): -amount_micros, customer_account(organisation.pk): amount_micros},
        currency=wallet.currency,
        at=moment,
        note=note,
    )
    if posted is not None:
        Wallet.objects.filter(pk=wallet.pk).update(available_micros=F("available_micros") + amount_micros)
        CreditLot.objects.create(
            organisation=organisation,
            kind=kind or (PAID if source == "stripe" else PROMO),
            ref=ref,
            note=note[:300],
            currency=wallet.currency,
            amount_micros=amount_micros,
            granted_at=moment,
            expires_at=expires_at,
        )
    return posted
