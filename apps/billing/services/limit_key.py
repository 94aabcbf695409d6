"""The monthly budget and the monthly quota of an API key: set, moved, lifted. Both are hard."""

from django.db import transaction

from apps.accounts.models import ApiKey, User
from apps.billing.services.change_budget import change_budget
from apps.billing.services.delete_budget import delete_budget
from apps.billing.services.set_budget import set_budget
from apps.ledger.models import Budget

MEASURES = {"money": "Key", "units": "Quota of"}


def limit_of(key: ApiKey, measure: str) -> Budget | None:
    """The budget (`money`) or the quota (`units`) of the key that holds now."""
    budgets = Budget.objects.filter(organisation=key.organisation_id, scope="key", scope_id=key.pk, deleted_at=None)
    return budgets.filter(measure=measure, period="month", is_hard=True).order_by("id").first()


@transaction.atomic
def limit_key(key: ApiKey, measure: str, limit: int | None, *, by: User | ApiKey) -> Budget | None:
    """`limit` is micros or predictions a calendar month (UTC); None lifts it. Returns what holds from now on."""
    present = limit_of(key, measure)
    if limit is None:
        if present is not None:
            delete_budget(present, by=by)
        return None
    if present is not None:
        return change_budget(present, limit_micros=limit, by=by)
    name = f"{MEASURES[measure]} {key.name}"[:80]
    return set_budget(
        key.organisation, name=name, scope="key", scope_id=key.pk, limit_micros=limit, measure=measure, by=by
    )
