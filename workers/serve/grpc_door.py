"""The second door: Open Inference Protocol v2 over gRPC. Each request becomes a call on the same road as over HTTP.

Loaded only where SERVE_GRPC_PORT is set: the library costs every process about 10 MB.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import orjson

from workers.serve import oip
from workers.serve.detached import Answer, DetachedCall, header_pairs
from workers.serve.grpc_messages import MESSAGES, SERVICE
from workers.serve.grpc_tensors import GrpcEncoding, read_message
from workers.serve.problems import Refused, problem_bytes
from workers.serve.server import Server

log = logging.getLogger(__name__)

_NAME = re.compile(r"[0-9A-Za-z._-]{1,200}")
_TAKEN = ("authorization", "idempotency-key", "x-request-id", "x-deadline-ms", "x-scale-up-timeout")
_HTTP_ONLY = ("cache-control", "www-authenticate", "vary")

_BY_STATUS = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    402: grpc.StatusCode.FAILED_PRECONDITION,  # money: no retry helps
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}
_BY_CODE = {
    "yours:idempotency-in-flight": grpc.StatusCode.ABORTED,  # asking again helps
}

Handler = Callable[[bytes, Any], Awaitable[bytes]]


class Door:
    """Takes ModelInfer and its neighbours; `server` is the same that HTTP connections feed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        settings = server.settings
        self._grpc = grpc.aio.server(
            maximum_concurrent_rpcs=settings.max_in_flight,
            options=[
                ("grpc.so_reuseport", int(settings.processes > 1)),
                ("grpc.max_receive_message_length", settings.max_body_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", settings.max_header_bytes),
            ],
        )
        handlers: dict[str, Handler] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ServerMetadata": self._metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
            "ModelStatistics": self._statistics,
        }
        methods = {name: grpc.unary_unary_rpc_method_handler(handler) for name, handler in handlers.items()}
        self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))

    async def open(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        settings = self._server.settings
        address = f"{settings.host}:{settings.grpc_port}"
        try:
            self._grpc.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen for gRPC on {address}: {error}") from error
        await self._grpc.start()
        log.info("serving gRPC on %s", address)

    async def close(self, grace_s: float) -> None:
        """No new requests; those under way have `grace_s` to finish."""
        await self._grpc.stop(grace_s)

    # without a key

    async def _live(self, body: bytes, context: Any) -> bytes:
        return _bytes("ServerLiveResponse", live=True)

    async def _ready(self, body: bytes, context: Any) -> bytes:
        return _bytes("ServerReadyResponse", ready=self._server.ready() and not self._server.draining)

    async def _metadata(self, body: bytes, context: Any) -> bytes:
        return _bytes("ServerMetadataResponse", **oip.SERVER)

    # with a key

    async def _model_ready(self, body: bytes, context: Any) -> bytes:
        try:
            request = read_message("ModelReadyRequest", body)
            answer = await self._ask(context, b"GET", request.name, request.version, b"/ready")
        except Refused as refusal:
            answer = _refused(refusal)
        if answer.status in (404, 503):
            return _bytes("ModelReadyResponse", ready=False)
        await _tell(context, answer)
        return _bytes("ModelReadyResponse", ready=True)

    async def _model_metadata(self, body: bytes, context: Any) -> bytes:
        try:
            request = read_message("ModelMetadataRequest", body)
            answer = await self._ask(context, b"GET", request.name, request.version, b"")
        except Refused as refusal:
            answer = _refused(refusal)
        await _tell(context, answer)
        return _bytes("ModelMetadataResponse", **orjson.loads(answer.body))

    async def _statistics(self, body: bytes, context: Any) -> bytes:
        try:
            request = read_message("ModelStatisticsRequest", body)
            if request.name:
                answer = await self._ask(context, b"GET", request.name, request.version, b"/stats")
            else:
                answer = await self._send(context, b"GET", b"/v2/models/stats")
        except Refused as refusal:
            answer = _refused(refusal)
        await _tell(context, answer)
        return _bytes("ModelStatisticsResponse", **orjson.loads(answer.body))

    async def _infer(self, body: bytes, context: Any) -> bytes:
        try:
            request = read_message("ModelInferRequest", body)
            name, version = request.model_name, request.model_version
            answer = await self._ask(context, b"POST", name, version, b"/infer", body, GrpcEncoding(request))
        except Refused as refusal:
            answer = _refused(refusal)
        await _tell(context, answer)
        return answer.body

    async def _ask(
        self,
        context: Any,
        method: bytes,
        name: str,
        version: str,
        action: bytes,
        body: bytes = b"",
        encoding: GrpcEncoding | None = None,
    ) -> Answer:
        """Ask about an endpoint, or ask it. Raises Refused."""
        if not _NAME.fullmatch(name):
            raise Refused("yours:endpoint-unknown")
        if version and not _NAME.fullmatch(version):
            raise Refused("yours:not-found", "The endpoint does not serve this version.")
        path = b"/v2/models/" + name.encode() + (b"/versions/" + version.encode() if version else b"") + action
        return await self._send(context, method, path, body, encoding)

    async def _send(
        self, context: Any, method: bytes, path: bytes, body: bytes = b"", encoding: GrpcEncoding | None = None
    ) -> Answer:
        """Send a call down the road and wait for its answer. A client that goes away makes the call gone."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def give(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        call = DetachedCall(give, answered.cancelled)
        call.method, call.path, call.body, call.encoding = method, path, body, encoding
        call.headers = _headers(context)
        self._server.accept(call)
        return await answered


def _headers(context: Any) -> dict[bytes, bytes]:
    headers = {
        name.encode(): value.encode("latin-1") if isinstance(value, str) else value
        for name, value in context.invocation_metadata() or ()
        if name in _TAKEN
    }
    left_s = context.time_remaining()
    if left_s is not None and b"x-deadline-ms" not in headers:
        headers[b"x-deadline-ms"] = b"%d" % max(0, min(int(left_s * 1000), 9_999_999))
    return headers


async def _tell(context: Any, answer: Answer) -> None:
    """Give the headers as trailing metadata, and end the request here if it was refused."""
    metadata: list[tuple[str, Any]] = [pair for pair in header_pairs(answer.headers) if pair[0] not in _HTTP_ONLY]
    if answer.status < 400:
        context.set_trailing_metadata(tuple(metadata))
        return
    problem = orjson.loads(answer.body)
    code = problem.get("code", "")
    metadata += [("error-code", code), ("problem-details-bin", answer.body)]
    status = _BY_CODE.get(code) or _BY_STATUS.get(answer.status, grpc.StatusCode.INVALID_ARGUMENT)
    details = problem.get("error") or f"{problem.get('title', '')}: {problem.get('detail', '')}"
    await context.abort(status, details, tuple(metadata))


def _refused(refusal: Refused) -> Answer:
    return Answer(refusal.status, b"", problem_bytes(refusal, "", protocol_error=True), b"application/problem+json")


def _bytes(message: str, /, **fields: Any) -> bytes:
    serialized: bytes = MESSAGES[message](**fields).SerializeToString()
    return serialized
