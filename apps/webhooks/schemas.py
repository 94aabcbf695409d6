"""The answers of the webhook addresses as OpenAPI shows them."""

from typing import Any

from rest_framework import serializers


class WebhookAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = serializers.CharField()
    url = serializers.CharField()
    kinds = serializers.ListField(child=serializers.CharField(), help_text="Empty: all events")
    description = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(["active", "failing", "disabled"])
    created_at = serializers.DateTimeField()
    old_secret_until = serializers.DateTimeField(allow_null=True)


class WebhookWithSecret(WebhookAnswer):
    secret = serializers.CharField(help_text="whsec_…, for the webhook-signature header")


class AttemptAnswer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    took_ms = serializers.IntegerField()


class DeliveryAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = serializers.CharField()
    event = serializers.CharField()
    type = serializers.CharField()
    state = serializers.ChoiceField(["waiting", "delivered", "failed"])
    attempts = AttemptAnswer(many=True)
    next_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)


class EventAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = serializers.CharField()
    type = serializers.CharField()
    timestamp = serializers.DateTimeField()
    data = serializers.DictField()  # type: ignore[assignment]  # the word of the API, not DRF's attribute
