"""What `/api/v1/keys` takes and answers."""

from typing import Any

from rest_framework import serializers

from apps.accounts.models import ApiKey
from apps.accounts.services.rotate_api_key import MOST_OVERLAP_H
from apps.accounts.services.share_key_usage import link_token
from apps.billing.services.limit_key import limit_of
from apps.billing.services.set_budget import MOST_MICROS
from apps.rest.parsing import StrictSerializer
from contracts.keys import SCOPES

MOST_ENDPOINTS = 100
MOST_CONCURRENCY = 10_000


class KeyLimit(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=40, help_text="Shown in the RateLimit header.")
    quota = serializers.IntegerField(min_value=1)
    window_s = serializers.IntegerField(min_value=1)
    burst = serializers.IntegerField(min_value=0, default=0, help_text="At once; 0 is the quota itself.")


class KeyTerms(StrictSerializer):
    """What can be changed later too."""

    endpoints = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        allow_null=True,
        max_length=MOST_ENDPOINTS,
        help_text="Ids or names; left out: every endpoint.",
    )
    limits = KeyLimit(many=True, required=False)
    max_concurrency = serializers.IntegerField(
        min_value=1, max_value=MOST_CONCURRENCY, required=False, allow_null=True, help_text="Requests under way."
    )
    monthly_predictions = serializers.IntegerField(
        min_value=0, max_value=MOST_MICROS, required=False, allow_null=True, help_text="A hard quota a calendar month."
    )
    budget_micros = serializers.IntegerField(
        min_value=0, required=False, allow_null=True, help_text="A hard monthly budget of this key."
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class KeyWish(KeyTerms):
    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), min_length=1)
    mode = serializers.ChoiceField(choices=["live", "test"], default="live")
    parent = serializers.CharField(  # type: ignore[assignment]  # our word; DRF's is its own attribute
        max_length=40, required=False, help_text="A key of yours: this one becomes a sub-key within its limits."
    )


class KeyChange(KeyTerms):
    name = serializers.CharField(max_length=80, required=False)
    paused = serializers.BooleanField(required=False)
    shared = serializers.BooleanField(
        required=False, help_text="true makes a new link to the usage page, false ends the present one."
    )


class KeyRotation(StrictSerializer):
    overlap_hours = serializers.IntegerField(
        min_value=0, max_value=MOST_OVERLAP_H, default=0, help_text="How long the old secret stays good."
    )


class KeyAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    parent = serializers.CharField(source="parent_id", allow_null=True)  # type: ignore[assignment]  # our word
    mode = serializers.CharField()
    kid = serializers.CharField(help_text="The part of the key that may be shown.")
    last_four = serializers.CharField()
    state = serializers.CharField(help_text="live, paused, expired or revoked: its own or its parent's.")
    scopes = serializers.ListField(child=serializers.CharField())
    endpoints = serializers.ListField(child=serializers.CharField(), allow_null=True)
    limits = KeyLimit(many=True, source="policies")
    max_concurrency = serializers.IntegerField(allow_null=True)
    monthly_predictions = serializers.SerializerMethodField()
    budget_micros = serializers.SerializerMethodField()
    usage_page = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_monthly_predictions(self, key: ApiKey) -> int | None:
        quota = limit_of(key, "units")
        return quota.limit_micros if quota else None

    def get_budget_micros(self, key: ApiKey) -> int | None:
        budget = limit_of(key, "money")
        return budget.limit_micros if budget else None

    def get_usage_page(self, key: ApiKey) -> str | None:
        token = link_token(key)
        return f"/key-usage/{token}" if token else None


class NewKeyAnswer(KeyAnswer):
    secret = serializers.CharField(help_text="The whole key. It is shown this once.")


class KeyMonth(serializers.Serializer[Any]):
    """What a key may use and has used in the present calendar month (UTC), its sub-keys counted with it."""

    key = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    currency = serializers.CharField()
    month = serializers.DateField()
    resets_at = serializers.DateTimeField()
    requests = serializers.IntegerField()
    predictions = serializers.IntegerField()
    amount_micros = serializers.IntegerField()
    monthly_predictions = serializers.IntegerField(allow_null=True)
    budget_micros = serializers.IntegerField(allow_null=True)
    limits = KeyLimit(many=True)
    max_concurrency = serializers.IntegerField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    days = serializers.ListField(child=serializers.DictField())
