"""Give an API key a new secret; the old one may stay good for some hours, so that a program can be changed over."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from contracts.keys import digest_key, mint_key
from contracts.problems import Problem

MOST_OVERLAP_H = 168


@transaction.atomic
def rotate_api_key(
    key: ApiKey, *, by: User | ApiKey | str, overlap_h: int = 0, address: str | None = None
) -> tuple[ApiKey, str]:
    """Return the key and its new secret. Limits, usage and the id stay; a secret from two rotations ago ends now."""
    if not 0 <= overlap_h <= MOST_OVERLAP_H:
        message = f"must be 0 to {MOST_OVERLAP_H}"
        raise Problem(
            "yours:invalid", errors=[{"location": "overlap_hours", "message": message, "fix": "At most a week."}]
        )
    locked = ApiKey.objects.select_for_update().get(pk=key.pk)
    if locked.revoked_at is not None:
        raise Problem("yours:state", "A revoked key cannot be rotated.")
    locked.previous_kid, locked.previous_digest = locked.kid, locked.digest
    locked.previous_until = timezone.now() + timedelta(hours=overlap_h)
    locked.kid, secret = mint_key(locked.mode)
    locked.digest = digest_key(settings.KEY_PEPPER.encode(), secret)
    locked.last_four = secret[-4:]
    locked.save(update_fields=["previous_kid", "previous_digest", "previous_until", "kid", "digest", "last_four"])
    record_audit(
        locked.organisation,
        actor=by,
        action="key.rotate",
        subject=key.pk,
        details={"name": key.name, "overlap_hours": overlap_h},
        address=address,
    )
    key.refresh_from_db()
    return key, secret
