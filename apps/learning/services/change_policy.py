"""Say when the model behind an endpoint is trained again by itself."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.endpoints.models import Endpoint
from apps.learning.models import RetrainingPolicy
from apps.learning.queries import newest_data, served_model
from apps.learning.retraining_rules import policy_objections
from contracts.problems import Problem

FIELDS = ("every_days", "new_rows", "on_drift", "budget_seconds", "max_cost_micros", "warm", "ask_first")
TASKS = (
    "tabular_classification",
    "tabular_regression",
    "image_classification",
    "text_classification",
)  # whose versions can be asked the same rows and compared by one loss


def change_policy(endpoint: Endpoint, *, by: User | ApiKey, **wish: Any) -> RetrainingPolicy:
    """Only what is given changes. Raises yours:invalid, yours:state for a model that cannot be compared."""
    errors = policy_objections(wish)
    if errors:
        raise Problem("yours:invalid", errors=errors)
    model = served_model(endpoint)
    if model is None or model.task not in TASKS:
        raise Problem("yours:state", "Models of labels and values train again by themselves; this one does not.")
    with transaction.atomic():
        newest = newest_data(model)
        RetrainingPolicy.objects.get_or_create(
            endpoint=endpoint,
            defaults={"organisation": endpoint.organisation, "rows_seen": newest.rows if newest else 0},
        )
        policy = RetrainingPolicy.objects.select_for_update().get(endpoint=endpoint)
        days_before = policy.every_days
        for name in FIELDS:
            if name in wish:
                setattr(policy, name, wish[name])
        if policy.every_days != days_before:
            policy.next_due_at = timezone.now() + timedelta(days=policy.every_days) if policy.every_days else None
        policy.edition += 1
        policy.changed_by = by.created_by if isinstance(by, ApiKey) else by
        policy.save()
        details = {name: wish[name] for name in FIELDS if name in wish}
        record_audit(endpoint.organisation, actor=by, action="retraining.policy", subject=endpoint.pk, details=details)
    return policy
