"""Change what an API key may use, pause it, let it go on; the data plane follows within seconds."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from contracts.problems import Problem

_CHANGEABLE = ("name", "policies", "max_concurrency", "endpoints", "expires_at", "paused_at")


@transaction.atomic
def change_api_key(
    key: ApiKey, *, by: User | ApiKey | str, paused: bool | None = None, address: str | None = None, **changes: Any
) -> ApiKey:
    """`changes`: name, policies (dicts), max_concurrency, endpoints (ids), expires_at. Problem yours:state."""
    locked = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
    if locked.revoked_at is not None:
        raise Problem("yours:state", "A revoked key cannot be changed.")
    _check(locked, changes)
    if paused is not None and paused != (locked.paused_at is not None):
        changes["paused_at"] = timezone.now() if paused else None
    changed = {name: value for name, value in changes.items() if getattr(locked, name) != value}
    if changed:
        for name, value in changed.items():
            setattr(locked, name, value)
        locked.save(update_fields=list(changed))
        shown = {name: value if isinstance(value, (str, int, list)) else str(value) for name, value in changed.items()}
        record_audit(locked.organisation, actor=by, action="key.change", subject=key.pk, details=shown, address=address)
    key.refresh_from_db()
    return key


def _check(key: ApiKey, changes: dict[str, Any]) -> None:
    if unknown := set(changes) - set(_CHANGEABLE):
        raise ValueError(f"a key's {', '.join(sorted(unknown))} cannot be changed")
    errors = []
    name = changes.get("name", key.name)
    if not name.strip() or len(name) > 80:
        errors.append({"location": "name", "message": "must have 1 to 80 characters", "fix": "Give the key a name."})
    until = changes.get("expires_at")
    if until is not None and until <= timezone.now():
        errors.append({"location": "expires_at", "message": "lies in the past", "fix": "Choose a later time (UTC)."})
    if errors:
        raise Problem("yours:invalid", errors=errors)
