"""Note that a node is alive, and what it can do."""

from typing import Any

from django.utils import timezone

from apps.compute.models import Node
from contracts.problems import Problem


def greet_node(
    node: Node, *, kind: str, boot: str, version: str, capabilities: dict[str, Any], address: str = ""
) -> Node:
    """Record a hello; a node that calls itself something else than it was registered as is refused."""
    if kind != node.kind:
        raise Problem("yours:invalid", f"This token belongs to a {node.kind} node, not to a {kind or 'nameless'} one.")
    node.boot, node.version, node.address = boot[:60], version[:40], address[:200]
    node.capabilities = capabilities
    node.last_seen_at = timezone.now()
    node.save(update_fields=["boot", "version", "address", "capabilities", "last_seen_at"])
    return node
