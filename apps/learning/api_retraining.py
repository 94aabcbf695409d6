"""REST: drift of an endpoint, and the retraining of its model by itself. Parse, call, render."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.endpoints.queries import endpoint_or_problem
from apps.learning.drift_rules import LIMIT_DEFAULT
from apps.learning.models import Drift, Retraining, RetrainingPolicy
from apps.learning.queries import retraining_or_problem
from apps.learning.services.change_drift import set_limit
from apps.learning.services.change_policy import FIELDS, change_policy
from apps.learning.services.end_retraining import decide
from apps.learning.services.start_due import begin
from apps.rest.authentication import OrganisationRequest
from apps.rest.idempotency import idempotent
from apps.rest.paging import page
from apps.rest.permissions import actor_of
from contracts.problems import Problem

VERDICTS = {"promote": True, "dismiss": False}


class DriftBody(serializers.Serializer[Any]):
    limit = serializers.FloatField(help_text="Population stability index above chance; 0.05 to 5")


class DriftAnswer(DriftBody):
    endpoint = serializers.CharField()
    model_version = serializers.CharField(allow_null=True)
    measured_at = serializers.DateTimeField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)
    rows = serializers.IntegerField()
    worst = serializers.FloatField(allow_null=True, help_text="Null: fewer than 200 rows, or nothing to compare by")
    drifting_since = serializers.DateTimeField(allow_null=True)
    columns = serializers.ListField(
        child=serializers.DictField(), help_text="[{name, psi, chance, excess, rows, bins: [{name, then, now}]}]"
    )


class PolicyBody(serializers.Serializer[Any]):
    every_days = serializers.IntegerField(required=False, allow_null=True)
    new_rows = serializers.IntegerField(required=False, allow_null=True)
    on_drift = serializers.BooleanField(required=False)
    budget_seconds = serializers.IntegerField(required=False, allow_null=True)
    max_cost_micros = serializers.IntegerField(required=False, allow_null=True)
    warm = serializers.BooleanField(required=False)
    ask_first = serializers.BooleanField(required=False)


class PolicyAnswer(PolicyBody):
    next_due_at = serializers.DateTimeField(allow_null=True)


class RetrainingAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    state = serializers.ChoiceField([name for name, _ in Retraining.STATES])
    reason = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    dataset_version = serializers.CharField(allow_null=True)
    run = serializers.CharField(allow_null=True)
    serving_version = serializers.CharField(allow_null=True)
    new_version = serializers.CharField(allow_null=True)
    comparison = serializers.DictField(
        help_text="{rows, fresh, loss_now, loss_new, certainty, right_now, right_new}; empty until it is made"
    )
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


@extend_schema(tags=["learning"])
class EndpointDrift(APIView):
    @extend_schema(operation_id="drift_get", responses=DriftAnswer)
    def get(self, request: OrganisationRequest, endpoint: str) -> Response:
        """How far the kept requests of the last week are from what the version learned from."""
        found = endpoint_or_problem(request.organisation, endpoint)
        drift = Drift.objects.of(request.organisation).filter(endpoint=found).first()
        return Response(_drift_json(drift or Drift(endpoint=found, limit=LIMIT_DEFAULT)))

    @extend_schema(operation_id="drift_change", request=DriftBody, responses=DriftAnswer)
    def patch(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Set the limit from which on people are told."""
        body = DriftBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = endpoint_or_problem(request.organisation, endpoint)
        return Response(_drift_json(set_limit(found, body.validated_data["limit"], by=actor_of(request))))


@extend_schema(tags=["learning"])
class Policy(APIView):
    @extend_schema(operation_id="retraining_get", responses=PolicyAnswer)
    def get(self, request: OrganisationRequest, endpoint: str) -> Response:
        """When the model behind the endpoint is trained again by itself."""
        found = endpoint_or_problem(request.organisation, endpoint)
        policy = RetrainingPolicy.objects.of(request.organisation).filter(endpoint=found).first()
        return Response(_policy_json(policy or RetrainingPolicy(endpoint=found)))

    @extend_schema(operation_id="retraining_change", request=PolicyBody, responses=PolicyAnswer)
    def patch(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Change triggers and budget; null switches a trigger off."""
        body = PolicyBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = endpoint_or_problem(request.organisation, endpoint)
        return Response(_policy_json(change_policy(found, by=actor_of(request), **body.validated_data)))


@extend_schema(tags=["learning"])
class Retrainings(APIView):
    @extend_schema(operation_id="retrainings_list", responses=RetrainingAnswer(many=True))
    def get(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Retrainings of this endpoint, newest first."""
        found = endpoint_or_problem(request.organisation, endpoint)
        rows = Retraining.objects.of(request.organisation).filter(policy__endpoint=found)
        return page(request, rows, _retraining_json)

    @extend_schema(operation_id="retrainings_create", request=None, responses={202: RetrainingAnswer})
    @idempotent
    def post(self, request: OrganisationRequest, endpoint: str) -> Response:
        """Begin one now, by the policy's settings."""
        found = endpoint_or_problem(request.organisation, endpoint)
        by = actor_of(request)
        policy = RetrainingPolicy.objects.of(request.organisation).filter(endpoint=found).first()
        begun = begin(policy or change_policy(found, by=by), f"asked:{timezone.now().isoformat()}", "Asked for")
        if begun is None:
            raise Problem("yours:state", "One is under way already.")
        return Response(_retraining_json(begun), status=202)


@extend_schema(tags=["learning"])
class RetrainingVerdict(APIView):
    @extend_schema(operation_id="retrainings_decide", request=None, responses=RetrainingAnswer)
    @idempotent
    def post(self, request: OrganisationRequest, endpoint: str, retraining_id: str, verdict: str) -> Response:
        """`promote` or `dismiss` what waits."""
        found = retraining_or_problem(endpoint_or_problem(request.organisation, endpoint), retraining_id)
        if verdict not in VERDICTS:
            raise Problem("yours:not-found", "A verdict is promote or dismiss.")
        return Response(_retraining_json(decide(found, promote=VERDICTS[verdict], by=actor_of(request))))


def _drift_json(drift: Drift) -> dict[str, Any]:
    names = ("limit", "measured_at", "since", "rows", "worst", "drifting_since", "columns")
    shown = {name: getattr(drift, name) for name in names}
    return {"endpoint": drift.endpoint_id, "model_version": drift.model_version_id, **shown}


def _policy_json(policy: RetrainingPolicy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in (*FIELDS, "next_due_at")}


def _retraining_json(one: Retraining) -> dict[str, Any]:
    return {
        "id": one.pk,
        "state": one.state,
        "reason": one.reason,
        "detail": one.detail,
        "dataset_version": one.dataset_version_id,
        "run": one.run_id,
        "serving_version": one.serving_version_id,
        "new_version": one.new_version_id,
        "comparison": {name: value for name, value in one.comparison.items() if name != "places"},
        "created_at": one.created_at,
        "finished_at": one.finished_at,
    }
