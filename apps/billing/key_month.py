"""A key's month for the page and the call that its user may see: limits, and what was used of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Value
from django.db.models.functions import Concat
from django.utils import timezone

from apps.accounts.models import ApiKey, Organisation
from apps.billing.services.limit_key import limit_of
from apps.ledger.models import Budget
from apps.metering.queries import key_family, usage_by
from apps.metering.rules import month_after, month_of, month_start
from contracts.usage import METER_PREDICTIONS


def key_month(key: ApiKey, *, now: datetime | None = None) -> dict[str, Any]:
    """Return key_schemas.KeyMonth's fields. Nothing of the rest of the organisation is in it."""
    month = month_of(now or timezone.now())
    end = month_start(month_after(month))
    rows = usage_by(
        key.organisation,
        start=month_start(month),
        end=end,
        group_by=("day",),
        keys=key_family(key.organisation, key.pk),
    )
    quota, budget = limit_of(key, "units"), limit_of(key, "money")
    calls = [row for row in rows if row["meter"] == METER_PREDICTIONS]
    return {
        "key": key.pk,
        "name": key.name,
        "state": key.state,
        "currency": key.organisation.currency,
        "month": month,
        "resets_at": end,
        "requests": sum(row["events"] for row in calls),
        "predictions": sum(row["units"] for row in calls),
        "amount_micros": sum(row["amount_micros"] for row in rows),
        "monthly_predictions": quota.limit_micros if quota else None,
        "budget_micros": budget.limit_micros if budget else None,
        "limits": key.policies,
        "max_concurrency": key.max_concurrency,
        "expires_at": key.expires_at,
        "days": [
            {
                "day": row["day"].isoformat(),
                "requests": row["events"],
                "predictions": row["units"],
                "amount_micros": row["amount_micros"],
            }
            for row in calls
        ],
    }


@dataclass(frozen=True)
class KeySum:
    """One line of a list of keys: what was used this month, of which limits."""

    predictions: int = 0
    amount_micros: int = 0
    monthly_predictions: int | None = None
    budget_micros: int | None = None


def key_sums(organisation: Organisation, keys: Sequence[str]) -> dict[str, KeySum]:
    """Return a KeySum for every key, in two queries however many there are."""
    month = month_of(timezone.now())
    rows = usage_by(
        organisation, start=month_start(month), end=month_start(month_after(month)), group_by=("key",), keys=keys
    )
    limits = dict(
        Budget.objects.of(organisation)
        .filter(scope="key", scope_id__in=keys, deleted_at=None, period="month", is_hard=True)
        .annotate(which=Concat("measure", Value(" "), "scope_id"))
        .order_by("-pk")
        .values_list("which", "limit_micros")
    )
    return {
        key: KeySum(
            predictions=sum(row["units"] for row in rows if row["key"] == key and row["meter"] == METER_PREDICTIONS),
            amount_micros=sum(row["amount_micros"] for row in rows if row["key"] == key),
            monthly_predictions=limits.get(f"units {key}"),
            budget_micros=limits.get(f"money {key}"),
        )
        for key in keys
    }
