"""Who may do what: pure decisions about roles, scopes and names."""

from collections.abc import Iterable

ROLES = ("viewer", "member", "admin", "owner")  # each may do what those before it may
ACTIONS = {  # action (also the word of an API key's scope) -> the least role that may
    "read": "viewer",
    "predict": "member",
    "write": "member",
    "billing": "admin",
    "admin": "admin",  # members, invitations, keys, settings
    "own": "owner",  # appoint or remove owners; no key has it
}


def role_may(role: str, action: str) -> bool:
    """Raises KeyError for a word that is no action, so that a typing error is not a permission."""
    needed = ROLES.index(ACTIONS[action])
    return role in ROLES and ROLES.index(role) >= needed


def may_appoint(actor: str, *, role: str, new_role: str) -> bool:
    """May somebody with the role `actor` turn a `role` into a `new_role`? Only owners make or unmake owners."""
    if new_role not in ROLES:
        return False
    needs = "own" if "owner" in (role, new_role) else "admin"
    return role_may(actor, needs)


def may_grant_scopes(held: Iterable[str], asked: Iterable[str]) -> bool:
    """A key may only make keys that may no more than itself."""
    return set(asked) <= set(held)
