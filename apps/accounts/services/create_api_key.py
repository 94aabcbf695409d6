"""Make an API key: the secret is returned once, its digest is stored."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from contracts.keys import SCOPES, digest_key, mint_key
from contracts.problems import Problem
from contracts.serving import RatePolicy

MOST_SUB_KEYS = 1_000  # of one key; each is a line of what the serving nodes pull


def create_api_key(
    organisation: Organisation,
    *,
    name: str,
    scopes: Iterable[str],
    created_by: User | ApiKey | str | None,
    endpoints: list[str] | None = None,
    policies: Iterable[RatePolicy] = (),
    expires_at: datetime | None = None,
    mode: str = "live",
    parent: ApiKey | None = None,
    max_concurrency: int | None = None,
    address: str | None = None,
) -> tuple[ApiKey, str]:
    """`endpoints` are ids (None: all of the organisation); the caller has checked that they exist.

    With a `parent` it is a sub-key, for a consumer of the customer: it calls endpoints and does nothing else.
    """
    scopes = sorted(set(scopes), key=SCOPES.index) if set(scopes) <= set(SCOPES) else []
    _check(name, scopes, mode, expires_at)
    if parent is not None:
        _check_under(parent, scopes, endpoints)
    kid, secret = mint_key(mode)
    with transaction.atomic():
        key = ApiKey.objects.create(
            organisation=organisation,
            name=name.strip(),
            kid=kid,
            mode=mode,
            digest=digest_key(settings.KEY_PEPPER.encode(), secret),
            last_four=secret[-4:],
            scopes=scopes,
            endpoints=endpoints,
            policies=[asdict(policy) for policy in policies],
            max_concurrency=max_concurrency,
            parent=parent,
            expires_at=expires_at,
            created_by=created_by if isinstance(created_by, User) else None,
        )
        details: dict[str, object] = {"name": key.name, "scopes": scopes, "endpoints": endpoints}
        if parent is not None:
            details["parent"] = parent.pk
        record_audit(
            organisation,
            actor=created_by or "system",
            action="key.create",
            subject=key.pk,
            details=details,
            address=address,
        )
    return key, secret


def _check_under(parent: ApiKey, scopes: list[str], endpoints: list[str] | None) -> None:
    if parent.parent_id is not None:
        raise Problem("yours:state", "A sub-key has no sub-keys of its own.")
    if parent.state in ("revoked", "expired"):
        raise Problem("yours:state", f"The key {parent.name} is {parent.state}.")
    if scopes != ["predict"] or "predict" not in parent.scopes:
        raise Problem("yours:not-allowed", "A sub-key has the scope `predict` alone, and its parent must have it.")
    if endpoints is not None and parent.endpoints is not None and not set(endpoints) <= set(parent.endpoints):
        raise Problem("yours:not-allowed", "A sub-key may only use endpoints that its parent may use.")
    if parent.sub_keys.filter(revoked_at=None).count() >= MOST_SUB_KEYS:
        raise Problem("yours:limit-reached", f"A key has at most {MOST_SUB_KEYS:,} sub-keys.")


def _check(name: str, scopes: list[str], mode: str, expires_at: datetime | None) -> None:
    errors = []
    if not name.strip() or len(name) > 80:
        errors.append({"location": "name", "message": "must have 1 to 80 characters", "fix": "Give the key a name."})
    if not scopes:
        message = f"must be one or more of {', '.join(SCOPES)}"
        errors.append({"location": "scopes", "message": message, "fix": "Choose what the key may do."})
    if mode not in ("live", "test"):
        errors.append({"location": "mode", "message": "must be live or test", "fix": "Leave it out for live."})
    if expires_at is not None and expires_at <= timezone.now():
        errors.append({"location": "expires_at", "message": "lies in the past", "fix": "Choose a later time (UTC)."})
    if errors:
        raise Problem("yours:invalid", errors=errors)
