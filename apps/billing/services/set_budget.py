"""Sets a budget: a hard one gets a wallet that cannot be overspent, a soft one only alerts."""

from django.db import transaction

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.queries import used_by_budget
from apps.endpoints.models import Endpoint
from apps.ledger.models import Budget
from apps.ledger.services.open_budget_wallet import open_budget_wallet
from contracts.problems import Problem

MOST_BUDGETS = 100  # besides those of keys; each hard one is another lease for the serving nodes
MOST_MICROS = 10**15


@transaction.atomic
def set_budget(
    organisation: Organisation,
    *,
    name: str,
    scope: str,
    scope_id: str = "",
    limit_micros: int,
    period: str = "month",
    is_hard: bool = True,
    measure: str = "money",
    by: User | ApiKey | None = None,
) -> Budget:
    """Create a budget. What was used in the present period counts already. Problem yours:invalid, yours:not-found."""
    if not 0 <= limit_micros <= MOST_MICROS:
        raise invalid("limit_micros", f"must be 0 to {MOST_MICROS}")
    if period not in ("month", "total"):
        raise invalid("period", "must be month or total")
    others = Budget.objects.of(organisation).filter(deleted_at=None).exclude(scope="key")
    if scope != "key" and others.count() >= MOST_BUDGETS:
        raise Problem("yours:limit-reached", f"An organisation has at most {MOST_BUDGETS} budgets.")
    scope_id = _checked_scope(organisation, scope, scope_id)
    budget = Budget.objects.create(
        organisation=organisation,
        name=name.strip()[:80] or "Budget",
        scope=scope,
        scope_id=scope_id,
        limit_micros=limit_micros,
        period=period,
        is_hard=is_hard,
        measure=measure,
    )
    open_budget_wallet(budget, spent_micros=min(limit_micros, max(0, used_by_budget(budget))))
    record_audit(
        organisation,
        actor=by or "system",
        action="budget.create",
        subject=budget.pk,
        details={
            "scope": scope,
            "scope_id": scope_id,
            "limit_micros": limit_micros,
            "is_hard": is_hard,
            "measure": measure,
        },
    )
    return budget


def _checked_scope(organisation: Organisation, scope: str, scope_id: str) -> str:
    if scope == "organisation":
        if scope_id not in ("", organisation.pk):
            raise invalid("scope_id", "must be your organisation, or left out")
        return organisation.pk
    if scope == "endpoint":
        found = Endpoint.objects.of(organisation).filter(pk=scope_id, deleted_at=None).exists()
    elif scope == "key":
        found = ApiKey.objects.of(organisation).filter(pk=scope_id, revoked_at=None).exists()
    else:
        raise invalid("scope", "must be organisation, endpoint or key")
    if not found:
        raise Problem("yours:not-found", f"There is no {scope} {scope_id!r} here.")
    return scope_id


def invalid(at: str, message: str) -> Problem:
    return Problem("yours:invalid", errors=[{"location": at, "message": message, "fix": "Correct this field."}])
