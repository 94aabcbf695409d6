"""The internal API of credit and usage: nodes borrow money in leases and post what they spent."""

from dataclasses import fields
from typing import IO, Any, cast

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.compute.authentication import IsNode, NodeAuthentication
from apps.compute.models import Node
from apps.metering.services.absorb_usage import absorb_usage
from apps.metering.services.close_leases import close_leases
from apps.metering.services.grant_lease import grant_lease
from contracts.problems import Problem
from contracts.usage import LeaseClose, LeaseRequest, UsagePost, UsageRecord
from contracts.wire import WireError, from_wire, to_wire

MAX_POST_BYTES = 32 * 1024**2  # about 100,000 records
_RECORD_FIELDS = tuple(field.name for field in fields(UsageRecord))


class FastJSONParser(BaseParser):
    """A post carries thousands of records; nodes are ours, so orjson's strictness is enough."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read(MAX_POST_BYTES + 1)
        if len(body) > MAX_POST_BYTES:
            raise Problem("yours:too-large", f"Post at most {MAX_POST_BYTES} bytes of journal at once.")
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(str(error)) from error


class NodeAPIView(APIView):
    authentication_classes = [NodeAuthentication]
    permission_classes = [IsNode]
    parser_classes = [FastJSONParser]


class Leases(NodeAPIView):
    def post(self, request: Request) -> Response:
        return Response(to_wire(grant_lease(_node(request), _message(LeaseRequest, request.data))))


class LeasesClose(NodeAPIView):
    def post(self, request: Request) -> Response:
        return Response({"closed": close_leases(_node(request), _message(LeaseClose, request.data))})


class Usage(NodeAPIView):
    def post(self, request: Request) -> Response:
        return Response(to_wire(absorb_usage(_node(request), _usage_post(request.data))))


def _node(request: Request) -> Node:
    return cast(Node, request.auth)  # IsNode has let nobody else in


def _usage_post(body: Any) -> UsagePost:
    """Records are built by hand, the general converter would cost more than the insert; values are checked later."""
    raw = body.get("records") if isinstance(body, dict) else None
    if not isinstance(raw, list) or not all(isinstance(record, dict) for record in raw):
        raise Problem("yours:malformed", "Send an object with boot, segment, offset_from, offset_to and records.")
    post = _message(UsagePost, {**body, "records": []})
    records = [_record(fields_of_one) for fields_of_one in raw]
    return UsagePost(post.boot, post.segment, post.offset_from, post.offset_to, records)


def _record(given: dict[str, Any]) -> UsageRecord:
    """Missing fields become None, which `check_records` refuses and keeps; unknown ones are of a newer node."""
    given.setdefault("leases", {})
    values: list[Any] = [given.get(name) for name in _RECORD_FIELDS]
    return UsageRecord(*values)


def _message(kind: Any, body: Any) -> Any:
    """Build a contract message; every plain field must have its declared type."""
    try:
        message = from_wire(kind, body)
    except WireError as error:
        raise Problem("yours:malformed", str(error)) from error
    for field in fields(kind):
        if isinstance(field.type, type) and type(getattr(message, field.name)) is not field.type:
            raise Problem("yours:invalid", f"{field.name} must be {field.type.__name__}.")
    return message
