"""Renames a budget or moves its limit."""

from django.db import transaction
from django.db.models import F

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.services.set_budget import MOST_MICROS, invalid
from apps.ledger.models import Budget, Wallet
from apps.ledger.services.open_budget_wallet import open_budget_wallet
from contracts.problems import Problem


@transaction.atomic
def change_budget(
    budget: Budget, *, name: str | None = None, limit_micros: int | None = None, by: User | ApiKey | None = None
) -> Budget:
    """Rename or move the limit; a hard one cannot go below what is spent and lent out in its present period."""
    locked = Budget.objects.select_for_update(no_key=True).get(pk=budget.pk, deleted_at=None)
    if name is not None:
        locked.name = name.strip()[:80] or locked.name
    if limit_micros is not None and limit_micros != locked.limit_micros:
        if not 0 <= limit_micros <= MOST_MICROS:
            raise invalid("limit_micros", f"must be 0 to {MOST_MICROS}")
        wallet = open_budget_wallet(locked)
        more = limit_micros - locked.limit_micros
        if wallet is not None:
            changed = Wallet.objects.filter(pk=wallet.pk, available_micros__gte=-more).update(
                available_micros=F("available_micros") + more
            )
            if not changed:
                raise Problem(
                    "yours:state",
                    f"{locked.limit_micros - wallet.available_micros} micros of it are spent or lent out.",
                )
        locked.limit_micros = limit_micros
    locked.save(update_fields=["name", "limit_micros"])
    record_audit(
        locked.organisation,
        actor=by or "system",
        action="budget.change",
        subject=locked.pk,
        details={"name": locked.name, "limit_micros": locked.limit_micros},
    )
    return locked
