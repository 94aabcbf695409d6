"""Who calls: an API key in the Authorization header, or a logged-in member of an organisation."""

import hmac
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from apps.accounts.models import ApiKey, Membership, Organisation, User
from apps.accounts.queries import first_membership_of, membership_in
from contracts.keys import digest_key, parse_key
from contracts.problems import Problem

_TOUCH_EVERY = timedelta(minutes=1)


class OrganisationRequest(Request):
    """What a view receives once a caller is known: write `request: OrganisationRequest` in its methods."""

    organisation: Organisation


class ApiKeyAuthentication(BaseAuthentication):
    """`request.auth` is the ApiKey, `request.organisation` its organisation, `request.user` whoever made the key."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, ApiKey] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise Problem("yours:not-authenticated")
        key = key_for(token.strip())
        _touch(key)
        _enter(request, key.organisation)
        return key.created_by or AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="modelyard"'


class OrganisationSessionAuthentication(SessionAuthentication):
    """A browser session with CSRF token; `X-Organisation` (id or slug) picks one, else the member's first counts."""

    def authenticate(self, request: Request) -> tuple[User, Membership] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user: User = found[0]
        wanted = request.headers.get("X-Organisation", "")
        membership = membership_in(user, wanted) if wanted else first_membership_of(user)
        if membership is None and wanted:
            raise Problem("yours:not-found", "You are no member of the organisation named in X-Organisation.")
        if membership is None:
            raise Problem("yours:not-allowed", "You are in no organisation; make one or ask for an invitation.")
        _enter(request, membership.organisation)
        return user, membership


def key_for(text: str) -> ApiKey:
    """The live key, or a Problem. Only who holds the whole secret learns that it expired or was revoked."""
    kid = parse_key(text)
    keys = ApiKey.objects.select_related("organisation", "created_by", "parent")
    key = keys.filter(Q(kid=kid) | Q(previous_kid=kid)).first() if kid else None
    digest = digest_key(settings.KEY_PEPPER.encode(), text)
    is_present = key is not None and key.kid == kid
    if key is None or not hmac.compare_digest(digest, key.digest if is_present else key.previous_digest):
        raise Problem("yours:not-authenticated")
    if not is_present and (key.previous_until is None or key.previous_until <= timezone.now()):
        raise Problem("yours:key-revoked")
    if key.state != "live":
        raise Problem(f"yours:key-{key.state}")
    return key


def _touch(key: ApiKey) -> None:
    """`last_used_at` is right to the minute: one write per key and minute, not one per request."""
    now = timezone.now()
    if key.last_used_at is not None and key.last_used_at > now - _TOUCH_EVERY:
        return
    is_due = Q(last_used_at=None) | Q(last_used_at__lte=now - _TOUCH_EVERY)
    ApiKey.objects.filter(is_due, pk=key.pk).update(last_used_at=now)


def _enter(request: Request, organisation: Organisation) -> None:
    """On the Django request, where the DRF request finds it too."""
    request._request.organisation = organisation  # type: ignore[attr-defined]
