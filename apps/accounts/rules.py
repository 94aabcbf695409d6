"""Who may do what: pure decisions about roles, scopes and names."""

from collections.abc import Iterable, Mapping

LIMITS = {  # word of a plan's limit -> how people read it
    "endpoints": "endpoints",
    "storage_bytes": "bytes of uploaded files",
    "seats": "members and open invitations",
    "runs_at_once": "runs that wait or train",
    "concurrency": "requests in flight",
    "requests_per_minute": "requests a minute",
    "predictions_per_month": "predictions a calendar month",
}
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


def most_of(limits: Mapping[str, int], name: str) -> int | None:
    """The most of something that limits allow; None: as much as one likes. KeyError for a word that is no limit."""
    if name not in LIMITS:
        raise KeyError(name)
    return limits.get(name)


def exceeded(limits: Mapping[str, int], used: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Return name -> (used, most) for everything of which more is used than the limits allow."""
    found = {name: (amount, most_of(limits, name)) for name, amount in used.items()}
    return {name: (amount, most) for name, (amount, most) in found.items() if most is not None and amount > most}


def may_grant_scopes(held: Iterable[str], asked: Iterable[str]) -> bool:
    """A key may only make keys that may no more than itself."""
    return set(asked) <= set(held)
