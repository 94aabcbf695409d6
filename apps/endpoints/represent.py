"""Endpoints and batches as the REST API shows them."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from apps.endpoints.models import Batch, Endpoint
from apps.endpoints.queries import present_deployments
from apps.registry.rules import PRECISIONS
from contracts.failures import FAILURES


class Limit(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=40)
    quota = serializers.IntegerField(min_value=1)
    window_s = serializers.IntegerField(min_value=1)
    burst = serializers.IntegerField(min_value=0, default=0, required=False)


class DeploymentBody(serializers.Serializer[Any]):
    model_version = serializers.CharField(max_length=40)
    weight = serializers.IntegerField(min_value=0, max_value=100, default=100)
    shadow = serializers.BooleanField(default=False)
    precision = serializers.ChoiceField(
        list(PRECISIONS),
        required=False,
        help_text="Left out: the one that the version was trained for",
    )


class DeploymentAnswer(DeploymentBody):
    id = serializers.CharField()
    created_at = serializers.DateTimeField()


class EndpointBody(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    model_version = serializers.CharField(max_length=40)
    precision = serializers.ChoiceField(
        list(PRECISIONS),
        required=False,
        help_text="Left out: the one that the version was trained for",
    )
    latency_class = serializers.ChoiceField(["realtime", "batch"], default="realtime")
    limits = Limit(many=True, required=False)
    force = serializers.BooleanField(default=False, help_text="Deploy even if the evidence does not pass the gate.")


class GuardBody(serializers.Serializer[Any]):
    error_rate = serializers.FloatField(required=False, allow_null=True, help_text="Share of failed requests, 0 to 1")
    p95_ms = serializers.FloatField(required=False, allow_null=True)
    disagreement = serializers.FloatField(
        required=False, allow_null=True, help_text="Share of a shadow's answers that differ, 0 to 1"
    )
    window_s = serializers.IntegerField(required=False, help_text="60 to 21600; 300 if left out")
    least = serializers.IntegerField(required=False, help_text="Judge only with so many requests; 100 if left out")


class RequestLogBody(serializers.Serializer[Any]):
    share = serializers.FloatField(required=False, help_text="Share of the requests that are kept, 0 to 1; 0: off")
    days = serializers.IntegerField(required=False, help_text="How long; 1 to 90")
    megabytes = serializers.IntegerField(required=False, help_text="Beyond it the oldest go; 1 to 2000")


class EndpointChange(serializers.Serializer[Any]):
    deployments = DeploymentBody(many=True, required=False)
    limits = Limit(many=True, required=False)
    paused = serializers.BooleanField(required=False)
    slo_ms = serializers.FloatField(required=False)
    sticky = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=60,
        help_text="Header or query parameter whose value decides which version answers",
    )
    guard = GuardBody(required=False, help_text="Limits of the automatic rollback; {} switches it off")
    request_log = RequestLogBody(required=False, help_text="What is kept of questions and answers; off by default")
    force = serializers.BooleanField(default=False, help_text="Deploy even if the evidence does not pass the gate.")


class EndpointAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(["starting", "ready", "failed", "paused", "deleted"])
    state_detail = serializers.CharField(allow_blank=True)
    latency_class = serializers.CharField()
    slo_ms = serializers.FloatField()
    url = serializers.URLField()
    sticky = serializers.CharField(allow_blank=True)
    guard = GuardBody()
    request_log = RequestLogBody()
    limits = Limit(many=True)
    deployments = DeploymentAnswer(many=True)
    edition = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class BatchAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    state = serializers.ChoiceField(["queued", "running", "succeeded", "failed", "cancelled"])
    endpoint = serializers.CharField(allow_null=True)
    model_version = serializers.CharField()
    dataset_version = serializers.CharField(allow_null=True)
    progress = serializers.FloatField(help_text="0 to 1")
    rows = serializers.IntegerField(help_text="At most; newlines inside quotes count until the file is read.")
    rows_done = serializers.IntegerField()
    rows_failed = serializers.IntegerField()
    errors = serializers.ListField(  # type: ignore[assignment]  # a field of ours, not the serializer's own property
        child=serializers.DictField(), help_text="The first 100 rows that failed."
    )
    cost_micros = serializers.IntegerField()
    result_url = serializers.CharField(allow_null=True)
    error = serializers.DictField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


def endpoint_json(endpoint: Endpoint) -> dict[str, Any]:
    present = getattr(endpoint, "present", None)
    rows = list(present_deployments().filter(endpoint=endpoint)) if present is None else present
    return {
        "id": endpoint.id,
        "name": endpoint.name,
        "state": endpoint.shown_state,
        "state_detail": endpoint.state_detail,
        "latency_class": endpoint.latency_class,
        "slo_ms": endpoint.slo_ms,
        "url": f"{settings.SERVE_PUBLIC_URL}/v1/predict/{endpoint.name}",
        "sticky": endpoint.sticky,
        "guard": endpoint.guard,
        "request_log": {
            "share": endpoint.log_share,
            "days": endpoint.log_days,
            "megabytes": endpoint.log_megabytes,
        },
        "limits": endpoint.policies,
        "deployments": [
            {
                "id": row.id,
                "model_version": row.model_version_id,
                "weight": row.weight,
                "shadow": row.shadow,
                "precision": row.precision,
                "created_at": row.created_at,
            }
            for row in rows
        ],
        "edition": endpoint.edition,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def batch_json(batch: Batch) -> dict[str, Any]:
    failure = FAILURES.get(batch.error_code)
    progress = 1.0 if batch.state == "succeeded" else min(1.0, batch.rows_done / max(1, batch.rows))
    return {
        "id": batch.id,
        "state": batch.state,
        "endpoint": batch.endpoint_id,
        "model_version": batch.model_version_id,
        "dataset_version": batch.dataset_version_id,
        "progress": round(progress, 4),
        "rows": batch.rows,
        "rows_done": batch.rows_done,
        "rows_failed": batch.rows_failed,
        "errors": batch.errors,
        "cost_micros": batch.cost_micros,
        "result_url": f"/api/v1/batches/{batch.id}/result" if batch.state == "succeeded" else None,
        "error": failure
        and {"code": failure.code, "title": failure.title, "detail": batch.error_detail, "fix": failure.fix},
        "created_at": batch.created_at,
        "finished_at": batch.finished_at,
    }
