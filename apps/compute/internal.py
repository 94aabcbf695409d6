"""The internal API of nodes: they introduce themselves on start and every ten seconds."""

import time
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.compute.authentication import IsNode, NodeAuthentication, node_of
from apps.compute.services.greet_node import greet_node
from contracts.problems import Problem


class Hello(APIView):
    authentication_classes = [NodeAuthentication]
    permission_classes = [IsNode]

    def post(self, request: Request) -> Response:
        body = request.data
        if not isinstance(body, dict):
            raise Problem("yours:malformed", "Send an object with kind, boot, version and capabilities.")
        capabilities = body.get("capabilities") or {}
        if not isinstance(capabilities, dict):
            raise Problem("yours:invalid", "capabilities is an object.")
        node = greet_node(
            node_of(request),
            kind=_text(body, "kind"),
            boot=_text(body, "boot"),
            version=_text(body, "version"),
            capabilities=capabilities,
            address=_text(body, "address"),
        )
        pool = node.pool.name if node.pool else None
        return Response({"node": node.id, "pool": pool, "server_time_us": time.time_ns() // 1000})


def _text(body: dict[str, Any], name: str) -> str:
    return str(body.get(name) or "")
