"""REST of training: start, follow and cancel runs; estimates; pools."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Organisation
from apps.compute.queries import pools_with_live_nodes
from apps.datasets.models import DatasetVersion
from apps.rest.connections import give_connection_back
from apps.rest.idempotency import idempotent
from apps.rest.paging import page
from apps.rest.parsing import StrictSerializer, parsed
from apps.rest.permissions import actor_of
from apps.training.events import id_of, look, run_events
from apps.training.models import Run, RunLogLine
from apps.training.queries import place_of, places_in_line, pool_board
from apps.training.representation import shown_log_line, shown_run
from apps.training.schemas import ESTIMATE, LOG_PAGE, POOL_LIST, RUN, RUN_PAGE
from apps.training.services.cancel_run import cancel_run
from apps.training.services.estimate_run import estimate_run
from apps.training.services.start_run import start_run
from contracts.jobs import RUN_FINAL_STATES, RUN_STATES, TASKS
from contracts.problems import Problem

_LOG_PAGE_MAX = 1000


class EstimateRequest(StrictSerializer):
    dataset_version = serializers.CharField(max_length=40)
    target = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    task = serializers.ChoiceField(TASKS, required=False, allow_blank=True, default="")
    budget_seconds = serializers.IntegerField(min_value=1, max_value=10_000_000)
    max_cost_micros = serializers.IntegerField(
        min_value=0, max_value=10**15, required=False, allow_null=True, default=None
    )
    pool = serializers.SlugField(max_length=30, required=False, default="cpu")
    families = serializers.ListField(
        child=serializers.CharField(max_length=40), max_length=20, required=False, default=list
    )
    options = serializers.DictField(required=False, default=dict, help_text="What only this task knows, like `roles`.")


class RunRequest(EstimateRequest):
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False, default=0)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class Runs(APIView):
    @extend_schema(
        operation_id="list_runs",
        parameters=[OpenApiParameter("state", enum=RUN_STATES), OpenApiParameter("dataset_version", str)],
        responses={200: RUN_PAGE},
    )
    def get(self, request: Request) -> Response:
        runs = _runs(request)
        if state := request.query_params.get("state"):
            runs = runs.filter(state=state)
        if version := request.query_params.get("dataset_version"):
            runs = runs.filter(dataset_version=version)
        places = places_in_line(pools_with_live_nodes(with_closed=True))
        return page(request, runs, lambda run: shown_run(run, places.get(run.id)))

    @extend_schema(operation_id="start_run", request=RunRequest, responses={202: RUN})
    @idempotent
    def post(self, request: Request) -> Response:
        wish = parsed(RunRequest, request)
        wish["dataset_version"] = _dataset_version(request, wish["dataset_version"])
        started = start_run(_organisation(request), **wish, started_by=actor_of(request))
        run = _run(request, started.id)
        return Response(shown_run(run, place_of(run)), status=202, headers={"Location": f"/api/v1/runs/{run.id}"})


class OneRun(APIView):
    @extend_schema(operation_id="get_run", responses={200: RUN})
    def get(self, request: Request, run_id: str) -> Response:
        run = _run(request, run_id)
        return Response(shown_run(run, place_of(run)))


class CancelRun(APIView):
    @extend_schema(operation_id="cancel_run", request=None, responses={202: RUN})
    @idempotent
    def post(self, request: Request, run_id: str) -> Response:
        cancel_run(_run(request, run_id), by=actor_of(request))
        run = _run(request, run_id)
        return Response(shown_run(run, place_of(run)), status=202)


class RunLogs(APIView):
    @extend_schema(
        operation_id="get_run_logs",
        parameters=[
            OpenApiParameter("after", int, description="id of the last line seen"),
            OpenApiParameter("limit", int),
        ],
        responses={200: LOG_PAGE},
    )
    def get(self, request: Request, run_id: str) -> Response:
        run = _run(request, run_id)
        after, limit = _whole(request, "after", 0), min(_whole(request, "limit", 200), _LOG_PAGE_MAX)
        lines = list(RunLogLine.objects.filter(run=run, id__gt=after).order_by("id")[: limit + 1])
        shown = [shown_log_line(line) for line in lines[:limit]]
        has_more = len(lines) > limit
        return Response({"data": shown, "has_more": has_more, "next_cursor": shown[-1]["id"] if shown else after})


class EventStream(BaseRenderer):
    """Lets `Accept: text/event-stream` through; the stream itself is no rendered answer."""

    media_type = "text/event-stream"
    format = "event-stream"
    charset = None

    def render(self, data: Any, media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return JSONRenderer().render(data)  # a problem instead of a stream


class RunEvents(APIView):
    renderer_classes = [EventStream, JSONRenderer]

    @extend_schema(
        operation_id="follow_run",
        description="Server-sent events: `run` (the whole run, as GET answers it) on every change, `end` at the last.",
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    def get(self, request: Request, run_id: str) -> StreamingHttpResponse | HttpResponse:
        run = _run(request, run_id)
        last_event_id = request.headers.get("Last-Event-ID", "")
        if run.state in RUN_FINAL_STATES and last_event_id == id_of(look(run.organisation_id, run.id) or {}):
            return HttpResponse(status=204)  # tells a browser not to come again
        stream = run_events(run.organisation_id, run.id, last_event_id)
        response = StreamingHttpResponse(stream, content_type="text/event-stream")
        response["Cache-Control"] = "no-store"
        response["X-Accel-Buffering"] = "no"  # proxies must pass each event on at once
        give_connection_back()
        return response


class EstimateRun(APIView):
    scopes = {"POST": "read"}

    @extend_schema(operation_id="estimate_run", request=EstimateRequest, responses={200: ESTIMATE})
    @idempotent
    def post(self, request: Request) -> Response:
        wish = parsed(EstimateRequest, request)
        wish["dataset_version"] = _dataset_version(request, wish["dataset_version"])
        return Response(estimate_run(_organisation(request), **wish))


class Pools(APIView):
    @extend_schema(operation_id="list_pools", responses={200: POOL_LIST})
    def get(self, request: Request) -> Response:
        board = pool_board(pools_with_live_nodes(), _organisation(request).currency)
        return Response({"data": board, "has_more": False, "next_cursor": None})


def _organisation(request: Request) -> Organisation:
    organisation: Organisation = request._request.organisation  # type: ignore[attr-defined]
    return organisation


def _runs(request: Request) -> QuerySet[Run]:
    runs = Run.objects.of(_organisation(request)).select_related("pool", "organisation", "model_version")
    return runs.prefetch_related("candidates")


def _run(request: Request, run_id: str) -> Run:
    run = _runs(request).filter(id=run_id).first()
    if run is None:
        raise Problem("yours:not-found", f"There is no run {run_id} here.")
    return run


def _dataset_version(request: Request, version_id: str) -> DatasetVersion:
    versions = DatasetVersion.objects.of(_organisation(request)).select_related("dataset")
    version = versions.filter(id=version_id, dataset__deleted_at=None).first()
    if version is None:
        raise Problem("yours:not-found", f"There is no dataset version {version_id} here.")
    return version


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise Problem("yours:invalid", f"{name} must be a whole number.")
    return int(text)
