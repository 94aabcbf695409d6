"""Removes a budget: its cap is lifted at once, what was spent stays in the books."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.ledger.models import Budget


@transaction.atomic
def delete_budget(budget: Budget, *, by: User | ApiKey | None = None) -> None:
    """Lift the cap; leases that are out end by themselves."""
    if Budget.objects.filter(pk=budget.pk, deleted_at=None).update(deleted_at=timezone.now()):
        record_audit(budget.organisation, actor=by or "system", action="budget.delete", subject=budget.pk)
