"""Set from where on a difference between traffic and training counts as drift."""

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.endpoints.models import Endpoint
from apps.learning.drift_rules import LIMIT_LEAST, LIMIT_MOST
from apps.learning.models import Drift
from contracts.problems import Problem


def set_limit(endpoint: Endpoint, limit: float, *, by: User | ApiKey) -> Drift:
    """Raises yours:invalid."""
    if not LIMIT_LEAST <= limit <= LIMIT_MOST:
        fix = f"send a number from {LIMIT_LEAST:g} to {LIMIT_MOST:g}"
        raise Problem("yours:invalid", errors=[{"location": "limit", "message": f"is {limit:g}", "fix": fix}])
    drift, _ = Drift.objects.update_or_create(
        endpoint=endpoint, defaults={"limit": limit, "organisation": endpoint.organisation}
    )
    record_audit(endpoint.organisation, actor=by, action="drift.limit", subject=endpoint.pk, details={"limit": limit})
    return drift
