"""What the request log lets go: what is older than its endpoint keeps, what is over its bound, what nobody owns."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.endpoints.models import Endpoint
from apps.learning.models import LoggedRequest

# The newest that fit into the bound stay; a running sum from the newest back says which.
_TRIM = """
DELETE FROM learning_loggedrequest WHERE id IN (
    SELECT id FROM (
        SELECT id, sum(size_bytes) OVER (ORDER BY id DESC) AS held
        FROM learning_loggedrequest WHERE endpoint_id = %s
    ) AS summed WHERE held > %s
)"""


def forget_requests() -> int:
    """Return how many rows went."""
    gone = LoggedRequest.objects.filter(endpoint__deleted_at__isnull=False).delete()[0]
    now = timezone.now()
    kept = set(LoggedRequest.objects.values_list("endpoint_id", flat=True).distinct())
    for endpoint in Endpoint.objects.filter(id__in=kept):
        too_old = LoggedRequest.objects.filter(endpoint=endpoint, at__lt=now - timedelta(days=endpoint.log_days))
        gone += too_old.delete()[0] + trim(endpoint)
    return gone


def trim(endpoint: Endpoint) -> int:
    """Delete the oldest beyond the endpoint's bound."""
    with connection.cursor() as cursor:
        cursor.execute(_TRIM, [endpoint.pk, endpoint.log_megabytes * 1_000_000])
        return int(cursor.rowcount)


def clear_log(endpoint: Endpoint, *, by: User | ApiKey) -> int:
    """Delete everything that is kept of an endpoint, now."""
    gone = LoggedRequest.objects.of(endpoint.organisation).filter(endpoint=endpoint).delete()[0]
    record_audit(
        endpoint.organisation, actor=by, action="request_log.clear", subject=endpoint.pk, details={"requests": gone}
    )
    return gone
