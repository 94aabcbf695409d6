"""Take an endpoint's name back; its history and its usage stay."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.endpoints.models import Endpoint


def delete_endpoint(endpoint: Endpoint, *, by: User | ApiKey | None = None) -> None:
    """Idempotent: deleting twice changes nothing."""
    with transaction.atomic():
        now = timezone.now()
        if Endpoint.objects.filter(id=endpoint.id, deleted_at=None).update(deleted_at=now, updated_at=now):
            endpoint.deployments.filter(retired_at=None).update(retired_at=now)
            record_audit(
                endpoint.organisation,
                actor=by or "system",
                action="endpoint.delete",
                subject=endpoint.id,
                details={"name": endpoint.name},
            )
