"""May this key or member do that: a view says `scopes = {"GET": "read", "POST": "write"}`, nothing else decides."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.models import ApiKey, Membership, User
from apps.accounts.rules import role_may
from contracts.problems import Problem

READING = ("GET", "HEAD", "OPTIONS")
DEFAULT_SCOPES = {"GET": "read", "POST": "write", "PUT": "write", "PATCH": "write", "DELETE": "write"}


class MemberWithScope(BasePermission):
    """A key needs the scope by name; a member needs a role that may do it (accounts.rules.ACTIONS)."""

    def has_permission(self, request: Request, view: Any) -> bool:
        scope = scope_for(view, request.method or "GET")
        caller = request.auth
        if isinstance(caller, ApiKey):
            if scope not in caller.scopes:
                raise Problem("yours:not-allowed", f"This needs a key with the scope `{scope}`.")
            return True
        if isinstance(caller, Membership):
            if not role_may(caller.role, scope):
                raise Problem("yours:not-allowed", f"The role {caller.role} may not do that.")
            return True
        raise Problem("yours:not-authenticated")


def scope_for(view: Any, method: str) -> str:
    scopes: dict[str, str] = {**DEFAULT_SCOPES, **getattr(view, "scopes", {})}
    return scopes["GET"] if method in READING else scopes.get(method, "admin")


def actor_of(request: Request) -> User | ApiKey:
    """Whom the audit log names: the key itself, not the person who once made it."""
    if isinstance(request.auth, ApiKey):
        return request.auth
    if request.user.is_authenticated:
        return request.user
    raise Problem("yours:not-authenticated")


def person_of(request: Request) -> User | None:
    """For `created_by` columns: the member, or the person who made the key; None when nobody did."""
    return request.user if request.user.is_authenticated else None


def key_may_use(request: Request, endpoint_id: str) -> bool:
    """A key that is bound to some endpoints sees and changes only those."""
    return (
        not isinstance(request.auth, ApiKey) or request.auth.endpoints is None or endpoint_id in request.auth.endpoints
    )
