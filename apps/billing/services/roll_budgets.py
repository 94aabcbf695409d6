"""Opens the wallets of a new month for hard budgets, and tells when a budget passes 50, 75, 90 or 100 per cent."""

from django.utils import timezone

from apps.billing.queries import used_by_budget
from apps.billing.rules import alert_steps_reached, amount_text
from apps.billing.services.tell_people import tell_people
from apps.ledger.models import Budget
from apps.ledger.rules import budget_period
from apps.ledger.services.open_budget_wallet import open_budget_wallet


def roll_budget_periods() -> None:
    for budget in Budget.objects.filter(deleted_at=None, is_hard=True).select_related("organisation"):
        open_budget_wallet(budget)


def alert_budgets() -> int:
    """Send one mail per budget, period and step; return how many were sent now."""
    sent = 0
    for budget in Budget.objects.filter(deleted_at=None).select_related("organisation"):
        used = used_by_budget(budget)
        steps = alert_steps_reached(used_micros=used, limit_micros=budget.limit_micros)
        if steps:
            sent += _alert(budget, steps[-1], used)
    return sent


def _alert(budget: Budget, step: int, used_micros: int) -> bool:
    start, _ = budget_period(budget.period, timezone.now())
    key = f"budget:{budget.pk}:{start:%Y-%m}:{step}" if start else f"budget:{budget.pk}:total:{step}"
    currency = budget.organisation.currency
    used, limit = amount_text(used_micros, currency), amount_text(budget.limit_micros, currency)
    if budget.measure == "units":
        used, limit = f"{used_micros:,} predictions", f"{budget.limit_micros:,} predictions"
    effect = "Calls beyond it are refused." if budget.is_hard else "Nothing is stopped; this is a reminder."
    return tell_people(
        budget.organisation,
        event="budget.alert",
        subject=f"Budget {budget.name}: {step} % used",
        text=f"{budget.organisation.name} has used {used} of the budget {budget.name}, which is {limit}. {effect}",
        data={
            "budget": budget.pk,
            "name": budget.name,
            "percent": step,
            "used_micros": used_micros,
            "limit_micros": budget.limit_micros,
            "currency": currency,
            "measure": budget.measure,
            "is_hard": budget.is_hard,
        },
        dedupe_key=key,
    )
