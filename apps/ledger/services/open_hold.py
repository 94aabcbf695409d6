"""Sets money aside for a run or a batch before it starts: from the credit and from the organisation's hard budgets."""

from django.db import IntegrityError, transaction

from apps.accounts.models import Organisation
from apps.ledger.models import Hold
from apps.ledger.queries import budget_wallets_of
from apps.ledger.rules import Movement
from apps.ledger.services.move_money import move_money
from apps.ledger.services.open_wallet import credit_wallet
from contracts.problems import Problem


@transaction.atomic
def open_hold(organisation: Organisation, *, subject: str, amount_micros: int) -> Hold:
    """Return the open hold of `subject`. Problem yours:no-credit or yours:budget-exhausted when there is not enough."""
    if amount_micros < 0:
        raise ValueError(f"a hold cannot be negative: {amount_micros}")
    wallet = credit_wallet(organisation)
    budgets = budget_wallets_of(organisation)
    hold = Hold(
        wallet=wallet, subject=subject, amount_micros=amount_micros, budget_wallets=[budget.pk for budget in budgets]
    )
    try:
        with transaction.atomic():
            hold.save(force_insert=True)
    except IntegrityError:
        raise Problem("yours:conflict", f"Money is set aside for {subject} already.") from None
    movement = Movement(set_aside=amount_micros)
    if not move_money(wallet, movement, kind="hold", ref=f"hold:{subject}"):
        wallet.refresh_from_db()
        raise Problem(
            "yours:no-credit",
            f"This needs {amount_micros} micros of credit set aside; {wallet.available_micros} are available.",
            available_micros=wallet.available_micros,
            needed_micros=amount_micros,
        )
    for budget in budgets:
        if not move_money(budget, movement, kind="hold", ref=f"hold:{subject}"):
            raise Problem(
                "yours:budget-exhausted",
                f"The hard budget {budget.budget} leaves {budget.available_micros} micros; this needs {amount_micros}.",
                budget_id=budget.budget_id,
                available_micros=budget.available_micros,
                resets_at=budget.period_end.isoformat() if budget.period_end else None,
            )
    return hold
