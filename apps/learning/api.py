"""REST: the request log of an endpoint, labels and replays. Parse, call, render."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.endpoints.queries import endpoint_or_problem, version_or_problem
from apps.learning.filters import filtered
from apps.learning.queries import replay_or_problem, request_or_problem, requests_of, served_model
from apps.learning.represent import LabelBody, ReplayAnswer, ReplayBody, RequestAnswer, replay_json, request_json
from apps.learning.services.forget_requests import clear_log
from apps.learning.services.label_request import label_request
from apps.learning.services.start_replay import start_replay
from apps.learning.services.take_labels import take_labels
from apps.rest.authentication import OrganisationRequest
from apps.rest.idempotency import idempotent
from apps.rest.paging import page
from apps.rest.permissions import actor_of
from contracts.problems import Problem

_FILTERS = {
    "status": "good, refused, failed, or three digits",
    "version": "Id of a model version",
    "labelled": "yes or no",
    "text": "Id of the request, of its usage, or X-Request-Id",
}
READS_PEOPLES_DATA = {"GET": "write"}  # what callers sent is more than numbers about it


class TakenLabels(serializers.Serializer[Any]):
    dataset = serializers.CharField()
    dataset_version = serializers.CharField()
    state = serializers.CharField()


@extend_schema(tags=["request log"])
class Requests(APIView):
    scopes = READS_PEOPLES_DATA

    @extend_schema(
        operation_id="requests_list",
        parameters=[OpenApiParameter(name, str, description=words) for name, words in _FILTERS.items()],
        responses=RequestAnswer(many=True),
    )
    def get(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Kept requests, newest first. Needs the scope `write`: it shows what callers sent."""
        found = endpoint_or_problem(request.organisation, endpoint)
        return page(request, filtered(requests_of(found), request.query_params.dict()), request_json)

    @extend_schema(operation_id="requests_clear", responses={204: None})
    def delete(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Delete everything that is kept of this endpoint."""
        clear_log(endpoint_or_problem(request.organisation, endpoint), by=actor_of(request))
        return Response(status=204)


@extend_schema(tags=["request log"])
class RequestDetail(APIView):
    scopes = READS_PEOPLES_DATA

    @extend_schema(operation_id="requests_get", responses=RequestAnswer)
    def get(self, request: OrganisationRequest, endpoint: str, request_id: str) -> Response:
        """One kept request with its rows, its answer and its labels."""
        found = endpoint_or_problem(request.organisation, endpoint)
        return Response(request_json(request_or_problem(found, request_id)))


@extend_schema(tags=["request log"])
class RequestLabel(APIView):
    @extend_schema(operation_id="requests_label", request=LabelBody, responses=RequestAnswer)
    def post(self, request: OrganisationRequest, endpoint: str, request_id: str) -> Response:
        """Say what the right answer to a row would have been."""
        body = LabelBody(data=request.data)
        body.is_valid(raise_exception=True)
        kept = request_or_problem(endpoint_or_problem(request.organisation, endpoint), request_id)
        values: dict[str, Any] = body.validated_data
        label_request(kept, row=values["row"], label=values["label"], by=actor_of(request))
        return Response(request_json(request_or_problem(kept.endpoint, kept.pk)))


@extend_schema(tags=["request log"])
class Labels(APIView):
    @extend_schema(operation_id="requests_take_labels", request=None, responses={202: TakenLabels})
    @idempotent
    def post(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Make a dataset version with all labelled rows that are not in the data yet."""
        model = served_model(endpoint_or_problem(request.organisation, endpoint))
        if model is None:
            raise Problem("yours:state", "The endpoint has no deployment.")
        grown = take_labels(model, by=actor_of(request))
        return Response({"dataset": grown.dataset_id, "dataset_version": grown.pk, "state": grown.state}, status=202)


@extend_schema(tags=["request log"])
class Replays(APIView):
    @extend_schema(operation_id="replays_create", request=ReplayBody, responses={202: ReplayAnswer})
    @idempotent
    def post(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Ask kept requests again of another version: a batch, charged as one. Left out: the newest hundred."""
        body = ReplayBody(data=request.data)
        body.is_valid(raise_exception=True)
        values: dict[str, Any] = body.validated_data
        found = endpoint_or_problem(request.organisation, endpoint)
        rows = requests_of(found).order_by("-id")
        chosen = values.get("requests")
        rows = rows.filter(pk__in=chosen) if chosen else rows.filter(status__lt=300, is_cut=False)
        version = version_or_problem(request.organisation, values["model_version"])
        replay = start_replay(found, model_version=version, requests=list(rows[:100]), by=actor_of(request))
        return Response(replay_json(replay), status=202)


@extend_schema(tags=["request log"])
class ReplayDetail(APIView):
    scopes = READS_PEOPLES_DATA

    @extend_schema(operation_id="replays_get", responses=ReplayAnswer)
    def get(self, request: OrganisationRequest, endpoint: str, replay_id: str) -> Response:
        """Each row with what was said then and what the other version says."""
        found = endpoint_or_problem(request.organisation, endpoint)
        return Response(replay_json(replay_or_problem(request.organisation, found, replay_id)))
