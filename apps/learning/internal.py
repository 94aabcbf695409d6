"""Internal API for serve nodes: the requests that they kept (docs/internal-api.md)."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.compute.authentication import IsNode, NodeAuthentication
from apps.learning.services.keep_requests import keep_requests
from contracts.problems import Problem
from contracts.request_log import RequestsPost
from contracts.wire import WireError, from_wire


class Requests(APIView):
    authentication_classes = (NodeAuthentication,)
    permission_classes = (IsNode,)
    node_kind = "serve"

    def post(self, request: Request) -> Response:
        try:
            post = from_wire(RequestsPost, request.data)
        except WireError as error:
            raise Problem("yours:malformed", str(error)) from None
        if not all(_is_well_formed(one) for one in post.requests):
            raise Problem("yours:malformed", "A request has a field of the wrong type.")
        return Response({"kept": keep_requests(post.requests)})


def _is_well_formed(one: object) -> bool:
    texts = (
        "id",
        "endpoint",
        "deployment",
        "request_id",
        "usage_id",
        "key",
        "protocol",
        "content_type",
        "body",
        "answer",
    )
    numbers = ("at_us", "status", "units", "latency_ms")
    return all(isinstance(getattr(one, name, None), str) for name in texts) and all(
        isinstance(getattr(one, name, None), int | float) for name in numbers
    )
