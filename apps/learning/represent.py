"""Kept requests and replays as the REST API shows them."""

from typing import Any

from rest_framework import serializers

from apps.learning.kept import rows_shown
from apps.learning.models import LoggedRequest, Replay
from apps.learning.replays import pairs_of


class RequestAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    at = serializers.DateTimeField()
    endpoint = serializers.CharField()
    model_version = serializers.CharField(allow_null=True)
    status = serializers.IntegerField()
    code = serializers.CharField(allow_blank=True)
    request_id = serializers.CharField(allow_blank=True)
    usage_id = serializers.CharField(allow_blank=True)
    key = serializers.CharField()
    latency_ms = serializers.FloatField()
    units = serializers.IntegerField()
    content_type = serializers.CharField()
    is_cut = serializers.BooleanField(help_text="The question or the answer is not kept: too long, or not text.")
    rows = serializers.ListField(child=serializers.DictField(), help_text="[{values, prediction, label}]")
    answer = serializers.DictField(allow_null=True)
    taken_into = serializers.CharField(allow_null=True, help_text="The dataset version that has its labels")


class LabelBody(serializers.Serializer[Any]):
    row = serializers.IntegerField(min_value=0, default=0)
    label = serializers.CharField(  # type: ignore[assignment]  # a field of ours, not the serializer's own name
        allow_blank=True, help_text="The right answer; empty takes it back"
    )


class ReplayBody(serializers.Serializer[Any]):
    model_version = serializers.CharField()
    requests = serializers.ListField(child=serializers.CharField(), required=False, max_length=100)


class ReplayAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    endpoint = serializers.CharField()
    model_version = serializers.CharField()
    batch = serializers.CharField()
    state = serializers.CharField()
    rows = serializers.ListField(
        child=serializers.DictField(), help_text="[{request, row, values, then, now, problem, agrees}]"
    )
    created_at = serializers.DateTimeField()


def request_json(one: LoggedRequest) -> dict[str, Any]:
    return {
        "id": one.pk,
        "at": one.at,
        "endpoint": one.endpoint_id,
        "model_version": one.model_version_id,
        "status": one.status,
        "code": one.code,
        "request_id": one.request_id,
        "usage_id": one.usage_id,
        "key": one.key,
        "latency_ms": one.latency_ms,
        "units": one.units,
        "content_type": one.content_type,
        "is_cut": one.is_cut,
        "rows": [
            {"values": row.values, "prediction": row.prediction, "label": row.label or None} for row in rows_shown(one)
        ],
        "answer": one.answer,
        "taken_into": one.taken_into_id,
    }


def replay_json(replay: Replay) -> dict[str, Any]:
    return {
        "id": replay.pk,
        "endpoint": replay.endpoint_id,
        "model_version": replay.model_version_id,
        "batch": replay.batch_id,
        "state": replay.batch.state,
        "rows": [vars(pair) for pair in pairs_of(replay)],
        "created_at": replay.created_at,
    }
