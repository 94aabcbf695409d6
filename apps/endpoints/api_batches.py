"""REST: offline batches. Parse, call, render."""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets.models import DatasetVersion
from apps.endpoints.models import Batch
from apps.endpoints.queries import batch_or_problem, endpoint_or_problem, main_deployment, version_or_problem
from apps.endpoints.represent import BatchAnswer, batch_json
from apps.endpoints.services.cancel_batch import cancel_batch
from apps.endpoints.services.start_batch import start_batch
from apps.rest.authentication import OrganisationRequest
from apps.rest.file_responses import stored_file
from apps.rest.idempotency import idempotent
from apps.rest.paging import page
from apps.rest.parsing import StrictJSONParser
from apps.rest.permissions import actor_of
from contracts.problems import Problem


class BatchBody(serializers.Serializer[Any]):
    endpoint = serializers.CharField(required=False, help_text="Id or name; its main deployment predicts.")
    model_version = serializers.CharField(required=False)
    dataset_version = serializers.CharField(required=False)
    file = serializers.FileField(required=False, help_text=".csv, .jsonl or .zip, as multipart/form-data")


@extend_schema(tags=["batches"])
class Batches(APIView):
    parser_classes = (StrictJSONParser, MultiPartParser, FormParser)

    @extend_schema(operation_id="batches_list", responses=BatchAnswer(many=True))
    def get(self, request: OrganisationRequest) -> Response:
        """List the organisation's batches, newest first."""
        return page(request, Batch.objects.of(request.organisation), batch_json)

    @extend_schema(operation_id="batches_create", request=BatchBody, responses={202: BatchAnswer})
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        """Predict a whole file offline. The price of all rows is held; answered rows are charged."""
        body = BatchBody(data=request.data)
        body.is_valid(raise_exception=True)
        values: dict[str, Any] = body.validated_data
        endpoint, version = self._model(request, values)
        file = values.get("file")
        batch = start_batch(
            request.organisation,
            model_version=version,
            endpoint=endpoint,
            file=file,
            file_name=file.name if file else "",
            dataset_version=self._dataset_version(request, values),
            started_by=actor_of(request),
        )
        return Response(batch_json(batch), status=202)

    def _model(self, request: OrganisationRequest, values: dict[str, Any]) -> tuple[Any, Any]:
        if values.get("endpoint"):
            endpoint = endpoint_or_problem(request.organisation, values["endpoint"])
            main = main_deployment(endpoint)
            if main is None:
                raise Problem("yours:state", "The endpoint has no deployment.")
            return endpoint, main.model_version
        if values.get("model_version"):
            return None, version_or_problem(request.organisation, values["model_version"])
        error = {"location": "endpoint", "message": "is missing", "fix": "send endpoint or model_version"}
        raise Problem("yours:invalid", errors=[error])

    def _dataset_version(self, request: OrganisationRequest, values: dict[str, Any]) -> DatasetVersion | None:
        if not values.get("dataset_version"):
            return None
        found = DatasetVersion.objects.of(request.organisation).filter(id=values["dataset_version"]).first()
        if found is None:
            raise Problem("yours:not-found", "There is no such dataset version in this organisation.")
        return found


@extend_schema(tags=["batches"])
class BatchDetail(APIView):
    @extend_schema(operation_id="batches_get", responses=BatchAnswer)
    def get(self, request: OrganisationRequest, batch: str) -> Response:
        """One batch: state, progress, the rows that failed, the link to its result."""
        return Response(batch_json(batch_or_problem(request.organisation, batch)))


@extend_schema(tags=["batches"])
class BatchCancel(APIView):
    @extend_schema(operation_id="batches_cancel", request=None, responses=BatchAnswer)
    @idempotent
    def post(self, request: OrganisationRequest, batch: str) -> Response:
        """Stop a batch. A waiting one stops at once, a running one within seconds; neither is charged."""
        found = batch_or_problem(request.organisation, batch)
        return Response(batch_json(cancel_batch(found, by=actor_of(request))))


@extend_schema(tags=["batches"])
class BatchResult(APIView):
    @extend_schema(operation_id="batches_result", responses={(200, "text/csv"): OpenApiTypes.BINARY})
    def get(self, request: OrganisationRequest, batch: str) -> HttpResponseBase:
        """The predictions, one line per input row, in input order."""
        found = batch_or_problem(request.organisation, batch)
        if not found.result_key:
            raise Problem("yours:state", "The batch has no result yet.")
        name = found.result_key.rsplit("/", 1)[-1]
        return stored_file(
            request,
            found.result_key,
            sha256=found.result_sha256,
            size_bytes=found.result_bytes,
            content_type="text/csv",
            download_as=f"{found.id}-{name}",
        )
