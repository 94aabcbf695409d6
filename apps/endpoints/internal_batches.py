"""Internal API for batch workers: claim, files, progress, finish (docs/internal-api.md)."""

import hashlib
import hmac
import re
from typing import Any

from django.core.files.storage import default_storage
from django.core.files.temp import NamedTemporaryFile
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.compute.authentication import IsNode, NodeAuthentication, node_of
from apps.endpoints.internal import PACKAGE_FILES
from apps.endpoints.models import Batch
from apps.endpoints.services.claim_batch import claim_batch
from apps.endpoints.services.finish_batch import finish_batch
from apps.endpoints.services.record_batch_progress import record_batch_progress
from apps.rest.file_responses import stored_file
from contracts.jobs import LEASE_S, BatchReport, StoredFile
from contracts.keys import digest_token
from contracts.problems import Problem
from contracts.wire import WireError, from_wire, to_wire

MAX_RESULT_BYTES = 4 * 1024**3
RESULT_NAME = re.compile(r"[a-z0-9._-]{1,80}")


class BatchClaim(APIView):
    authentication_classes = (NodeAuthentication,)
    permission_classes = (IsNode,)
    node_kind = "batch"

    def post(self, request: Request) -> Response:
        wanted = request.data.get("batch_id", "") if isinstance(request.data, dict) else ""
        job = claim_batch(node_of(request), batch_id=str(wanted or ""))
        return Response(status=204) if job is None else Response(to_wire(job))


class BatchTokenView(APIView):
    """Answers only the worker that holds the batch's token; the token ends with the claim."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes: Any = ()

    def batch(self, request: Request, batch_id: str) -> Batch:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        batch = Batch.objects.select_related("model_version").filter(id=batch_id).first()
        if batch is None or not hmac.compare_digest(batch.batch_token_digest, digest_token(token)):
            raise Problem("yours:not-authenticated", "This token does not open this batch.")
        return batch


class BatchJsonView(BatchTokenView):
    parser_classes = APIView.parser_classes

    def report(self, request: Request) -> BatchReport:
        try:
            return from_wire(BatchReport, request.data)
        except WireError as error:
            raise Problem("yours:malformed", str(error)) from error


class BatchInput(BatchTokenView):
    def get(self, request: Request, batch: str) -> HttpResponseBase:
        held = self.batch(request, batch)
        return stored_file(request, held.input_key, sha256=held.input_sha256, size_bytes=held.input_bytes)


class BatchPackage(BatchTokenView):
    def get(self, request: Request, batch: str, name: str) -> HttpResponseBase:
        stored = self.batch(request, batch).model_version.files.get(name) if name in PACKAGE_FILES else None
        if stored is None:
            raise Problem("yours:not-found", "There is no such file.")
        return stored_file(request, stored["storage_key"], sha256=stored["sha256"], size_bytes=stored["size_bytes"])


class BatchFile(BatchTokenView):
    def put(self, request: Request, batch: str, name: str) -> Response:
        held = self.batch(request, batch)
        if request.query_params.get("fence") != str(held.fence) or held.state != "running":
            raise Problem("yours:stale", "Another claim holds this batch; stop and write nothing.", status=409)
        if not RESULT_NAME.fullmatch(name):
            raise Problem("yours:invalid", "File names are lower-case letters, digits, dots and dashes.")
        digest, size = hashlib.sha256(), 0
        with NamedTemporaryFile() as spool:
            while chunk := request._request.read(1 << 20):
                size += len(chunk)
                if size > MAX_RESULT_BYTES:
                    raise Problem("yours:too-large")
                digest.update(chunk)
                spool.write(chunk)
            if digest.hexdigest() != request.headers.get("X-Content-Sha256"):
                raise Problem("yours:checksum-mismatch")
            spool.seek(0)
            key = f"batches/{held.id}/{held.fence}/{name}"
            default_storage.delete(key)  # the same claim may put its file again after a lost answer
            default_storage.save(key, spool)
        return Response(to_wire(StoredFile(name=name, sha256=digest.hexdigest(), size_bytes=size)))


class BatchProgress(BatchJsonView):
    def post(self, request: Request, batch: str) -> Response:
        cancel = record_batch_progress(self.batch(request, batch), self.report(request))
        return Response({"cancel": cancel, "lease_seconds": LEASE_S})


class BatchFinish(BatchJsonView):
    def post(self, request: Request, batch: str) -> Response:
        finished = finish_batch(self.batch(request, batch), self.report(request))
        return Response({"state": finished.state, "cost_micros": finished.cost_micros})
