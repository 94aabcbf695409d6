"""Reads of the ledger: prices at a moment, balances, statements, wallets of budgets."""

from collections import defaultdict
from datetime import datetime

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.ledger.default_prices import PRICED
from apps.ledger.lots import Lot, in_order_of_use
from apps.ledger.models import CreditLot, LedgerEntry, Price, Wallet
from apps.ledger.rules import customer_account
from contracts.problems import Problem


def price_at(meter: str, *, dimension: str, currency: str, at: datetime | None = None) -> Price:
    """Return the price book's row in force at `at`. Problem ours:internal when the book has a hole."""
    price = (
        Price.objects.filter(
            meter=meter, dimension=dimension, currency=currency, effective_from__lte=at or timezone.now()
        )
        .order_by("-effective_from")
        .first()
    )
    if price is None:
        raise Problem("ours:internal", f"The price book has no price for {meter} ({dimension or 'any'}) in {currency}.")
    return price


def priced_currencies(at: datetime | None = None) -> list[str]:
    """Return the currencies in which everything that is sold by default has a price."""
    rows = Price.objects.filter(effective_from__lte=at or timezone.now()).values_list("currency", "meter", "dimension")
    priced: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for currency, meter, dimension in rows.distinct():
        priced[currency].add((meter, dimension))
    return sorted(currency for currency, found in priced.items() if found >= PRICED)


def balance_of(account: str, currency: str) -> int:
    """Return an account's balance in micros."""
    total = LedgerEntry.objects.filter(account=account, currency=currency).aggregate(total=Sum("amount_micros"))
    return int(total["total"] or 0)


def statement_of(organisation: Organisation) -> QuerySet[LedgerEntry]:
    """Return what moved the organisation's spendable credit: top-ups, grants, holds, leases and what came back."""
    return LedgerEntry.objects.filter(
        transaction__organisation=organisation, account=customer_account(organisation.pk)
    ).select_related("transaction")


def lots_left(organisation: Organisation) -> list[CreditLot]:
    """Return the grants of credit that have something left, in the order of their use."""
    rows = {lot.pk: lot for lot in CreditLot.objects.of(organisation).filter(left_micros__gt=0)}
    lots = [
        Lot(lot.pk, lot.kind, lot.left_micros, lot.used_micros, lot.expires_at, lot.granted_at) for lot in rows.values()
    ]
    return [rows[lot.id] for lot in in_order_of_use(lots)]


def live_budget_wallets(at: datetime | None = None) -> QuerySet[Wallet]:
    """Return the wallets of hard budgets in force at `at`."""
    moment = at or timezone.now()
    return Wallet.objects.filter(
        Q(period_start=None) | Q(period_start__lte=moment, period_end__gt=moment),
        budget__is_hard=True,
        budget__deleted_at=None,
    ).select_related("budget")


def budget_wallets_of(organisation: Organisation, at: datetime | None = None) -> list[Wallet]:
    """Return the wallets of hard budgets over the whole organisation."""
    wallets = live_budget_wallets(at).filter(organisation=organisation, budget__scope="organisation")
    return list(wallets.order_by("pk"))
