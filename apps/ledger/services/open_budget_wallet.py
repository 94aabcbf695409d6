"""Opens the wallet of a hard budget for the period that a moment lies in; asking again returns the same one."""

from datetime import datetime

from django.utils import timezone

from apps.ledger.models import Budget, Wallet
from apps.ledger.rules import budget_period

NO_CURRENCY = "XXX"  # ISO 4217's code for things that are no money


def open_budget_wallet(budget: Budget, *, at: datetime | None = None, spent_micros: int = 0) -> Wallet | None:
    """Return the wallet; None for soft budgets, which have none. `spent_micros`: used before the budget was set."""
    if not budget.is_hard:
        return None
    start, end = budget_period(budget.period, at or timezone.now())
    wallet, _ = Wallet.objects.get_or_create(
        budget=budget,
        period_start=start,
        defaults={
            "organisation": budget.organisation,
            "currency": budget.organisation.currency if budget.measure == "money" else NO_CURRENCY,
            "available_micros": budget.limit_micros - spent_micros,
            "spent_micros": spent_micros,
            "period_end": end,
        },
    )
    return wallet
