"""End an API key; the data plane drops it within seconds."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit


def revoke_api_key(key: ApiKey, *, by: User | ApiKey | str, address: str | None = None) -> ApiKey:
    """Revoking twice keeps the first time."""
    with transaction.atomic():
        changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
        if changed:
            record_audit(
                key.organisation,
                actor=by,
                action="key.revoke",
                subject=key.pk,
                details={"name": key.name},
                address=address,
            )
    key.refresh_from_db()
    return key
