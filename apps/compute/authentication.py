"""Who speaks on /internal/v1: a node, known by the digest of its expiring token. `request.auth` is the Node."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.compute.models import Node
from contracts.keys import digest_token
from contracts.problems import Problem


def bearer_token(request: Request, prefix: str) -> str | None:
    """Return the bearer token when it is of the wanted kind (`myn`, `myr`, `myb`)."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(f"{prefix}_"):
        return None
    return str(token.strip())


class NodeAuthentication(BaseAuthentication):
    """Unknown, expired and disabled tokens all answer 401."""

    def authenticate(self, request: Request) -> tuple[Any, Node]:
        token = bearer_token(request, "myn")
        node = token and Node.objects.select_related("pool").filter(token_digest=digest_token(token)).first()
        if not node or node.disabled_at is not None or node.token_expires_at <= timezone.now():
            raise Problem(
                "yours:not-authenticated", "This node token is unknown or has ended; register the node again."
            )
        return AnonymousUser(), node

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def node_of(request: Request) -> Node:
    """The node that speaks; behind IsNode there is always one."""
    if not isinstance(request.auth, Node):
        raise Problem("yours:not-allowed", "This address is for registered nodes.")
    return request.auth


class IsNode(BasePermission):
    """Only a node passes; views that want one kind set `node_kind`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        wanted = getattr(view, "node_kind", None)
        if isinstance(request.auth, Node) and (wanted is None or request.auth.kind == wanted):
            return True
        raise Problem("yours:not-allowed", f"This address is for {wanted or 'registered'} nodes.")
