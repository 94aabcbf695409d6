"""The internal API of runs (docs/internal-api.md): claim, heartbeat, dataset, files, checkpoint. Finish: registry."""

from dataclasses import dataclass
from typing import Any

from django.core.files.storage import default_storage
from django.http.response import HttpResponseBase
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.compute.authentication import IsNode, NodeAuthentication, node_of
from apps.rest.file_responses import stored_file
from apps.training.authentication import IsOwnRun, RunTokenAuthentication, attempt_of
from apps.training.messages import message_of
from apps.training.queries import run_held_by
from apps.training.services.claim_run import claim_run
from apps.training.services.record_heartbeat import record_heartbeat
from apps.training.services.register_checkpoint import register_checkpoint
from apps.training.services.store_file import store_file
from contracts.jobs import RunHeartbeat
from contracts.problems import Problem
from contracts.wire import to_wire


@dataclass(frozen=True)
class CheckpointNotice:
    """Body of `POST /internal/v1/runs/{id}/checkpoint`: the file was put before."""

    fence: int
    step: int
    name: str
    sha256: str


class Claim(APIView):
    authentication_classes = [NodeAuthentication]
    permission_classes = [IsNode]
    node_kind = "train"

    def post(self, request: Request) -> Response:
        claim = claim_run(node_of(request))
        return Response(status=204) if claim is None else Response(to_wire(claim.job))


class OfOneRun(APIView):
    """What the addresses below /runs/{id}/ share: they open with that run's token."""

    authentication_classes = [RunTokenAuthentication]
    permission_classes = [IsOwnRun]


class Heartbeat(OfOneRun):
    def post(self, request: Request, run_id: str) -> Response:
        return Response(to_wire(record_heartbeat(attempt_of(request), message_of(RunHeartbeat, request.data))))


class DatasetBytes(OfOneRun):
    def get(self, request: Request, run_id: str) -> HttpResponseBase:
        version = run_held_by(attempt_of(request)).dataset_version
        return stored_file(
            request, version.canonical_key, sha256=version.canonical_sha256, size_bytes=version.canonical_bytes
        )


class Checkpoint(OfOneRun):
    def get(self, request: Request, run_id: str) -> HttpResponseBase:
        run = run_held_by(attempt_of(request))
        if not run.checkpoint_key:
            raise Problem("yours:not-found", "The run has no checkpoint.")
        return stored_file(
            request,
            run.checkpoint_key,
            sha256=run.checkpoint_sha256,
            size_bytes=default_storage.size(run.checkpoint_key),
            headers={"X-Checkpoint-Step": str(run.checkpoint_step)},
        )

    def post(self, request: Request, run_id: str) -> Response:
        body = message_of(CheckpointNotice, request.data)
        register_checkpoint(attempt_of(request), fence=body.fence, step=body.step, name=body.name, sha256=body.sha256)
        return Response(status=204)


class AnyBytes(BaseParser):
    """Leaves the body alone: the view reads it as a stream."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        return {}


class Files(OfOneRun):
    parser_classes = [AnyBytes]

    def put(self, request: Request, run_id: str, name: str) -> Response:
        stored = store_file(
            attempt_of(request),
            fence=_fence(request),
            name=name,
            sha256=request.headers.get("X-Content-Sha256", ""),
            body=request._request,
        )
        return Response(to_wire(stored))


def _fence(request: Request) -> int:
    text = request.query_params.get("fence", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem("yours:invalid", "The query parameter fence must be a whole number.")
    return int(text)
