"""Let a machine join: create its node, or give a known one a new token (the old one ends at once)."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.compute.models import Node, Pool
from contracts.keys import digest_token, mint_token
from contracts.problems import Problem

TOKEN_PREFIX = "myn"
_KINDS = {kind for kind, _ in Node.KINDS}


@transaction.atomic
def register_node(name: str, *, kind: str, pool: Pool | None = None, lifetime_s: int) -> tuple[Node, str]:
    """Return the node and its token, which is shown only here."""
    if kind not in _KINDS:
        raise Problem("yours:invalid", f"A node is one of {', '.join(sorted(_KINDS))}, not {kind!r}.")
    if kind == "train" and pool is None:
        raise Problem("yours:invalid", "A training node belongs to a pool.")
    if lifetime_s <= 0:
        raise Problem("yours:invalid", "A token's lifetime is at least one second.")
    token = mint_token(TOKEN_PREFIX)
    node, _ = Node.objects.update_or_create(
        name=name,
        defaults={
            "kind": kind,
            "pool": pool,
            "token_digest": digest_token(token),
            "token_expires_at": timezone.now() + timedelta(seconds=lifetime_s),
            "disabled_at": None,
        },
    )
    return node, token
