"""Internal API for serve nodes: the snapshot, the packages, what they report (docs/internal-api.md)."""

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.compute.authentication import IsNode, NodeAuthentication, node_of
from apps.endpoints.queries import package_file
from apps.endpoints.services.add_traffic import add_traffic
from apps.endpoints.services.publish_config import build_config, current_revision
from apps.endpoints.services.record_serving_status import record_serving_status
from apps.rest.file_responses import stored_file
from contracts.analytics import AnalyticsPost
from contracts.problems import Problem
from contracts.wire import WireError, from_wire, to_wire

PACKAGE_FILES = ("model.onnx", "manifest.json")


class ServeNodeView(APIView):
    """Answers serve nodes only; the token says which."""

    authentication_classes = (NodeAuthentication,)
    permission_classes = (IsNode,)
    node_kind = "serve"


class Config(ServeNodeView):
    def get(self, request: Request) -> Response:
        revision = current_revision()
        if request.query_params.get("after") == str(revision):
            return Response(status=204)
        return Response(to_wire(build_config(revision)))


class PackageFile(ServeNodeView):
    def get(self, request: Request, sha256: str, name: str) -> HttpResponseBase:
        stored = package_file(sha256, name) if name in PACKAGE_FILES else None
        if stored is None:
            raise Problem("yours:not-found", "There is no such package.")
        for_ever = {"Cache-Control": "private, max-age=31536000, immutable"}
        return stored_file(
            request, stored["storage_key"], sha256=stored["sha256"], size_bytes=stored["size_bytes"], headers=for_ever
        )


class ServingStatus(ServeNodeView):
    def post(self, request: Request) -> Response:
        body = request.data if isinstance(request.data, dict) else {}
        endpoints = body.get("endpoints")
        if not isinstance(endpoints, list) or not isinstance(body.get("revision"), int):
            raise Problem("yours:malformed", "Send {boot, revision, endpoints: […]}.")
        record_serving_status(
            node_of(request),
            boot=str(body.get("boot", ""))[:60],
            revision=body["revision"],
            endpoints=[item for item in endpoints if isinstance(item, dict)],
        )
        if body.get("analytics"):
            add_traffic(node_of(request), _counts(body["analytics"]))
        return Response(status=204)


def _counts(payload: object) -> AnalyticsPost:
    try:
        post = from_wire(AnalyticsPost, payload)
    except WireError as error:
        raise Problem("yours:malformed", str(error)) from None
    if not isinstance(post.sequence, int) or not isinstance(post.boot, str) or len(post.boot) > 60:
        raise Problem("yours:malformed", "Send analytics as {boot, sequence, counts: […]}.")
    return post
