"""`/api/v1/keys`: API keys with their limits, endpoints and budget; here, because budgets live no lower."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.client_address import client_address
from apps.accounts.models import ApiKey, Organisation
from apps.accounts.rules import may_grant_scopes
from apps.accounts.services.create_api_key import create_api_key
from apps.accounts.services.revoke_api_key import revoke_api_key
from apps.billing.services.delete_budget import delete_budget
from apps.billing.services.set_budget import set_budget
from apps.endpoints.queries import living_endpoints
from apps.endpoints.rules import parse_policies
from apps.ledger.models import Budget
from apps.rest.authentication import OrganisationRequest
from apps.rest.idempotency import idempotent
from apps.rest.openapi import listed
from apps.rest.paging import page
from apps.rest.parsing import StrictSerializer, parsed
from apps.rest.permissions import actor_of
from contracts.keys import SCOPES
from contracts.problems import Problem
from contracts.serving import RatePolicy

MOST_ENDPOINTS = 100


class KeyLimit(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=40, help_text="Shown in the RateLimit header.")
    quota = serializers.IntegerField(min_value=1)
    window_s = serializers.IntegerField(min_value=1)
    burst = serializers.IntegerField(min_value=0, default=0, help_text="At once; 0 is the quota itself.")


class KeyWish(StrictSerializer):
    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), min_length=1)
    mode = serializers.ChoiceField(choices=["live", "test"], default="live")
    endpoints = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        allow_null=True,
        max_length=MOST_ENDPOINTS,
        help_text="Ids or names; left out: every endpoint.",
    )
    limits = KeyLimit(many=True, required=False)
    budget_micros = serializers.IntegerField(
        min_value=0, required=False, allow_null=True, help_text="A hard monthly budget of this key."
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class KeyAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    mode = serializers.CharField()
    kid = serializers.CharField(help_text="The part of the key that may be shown.")
    last_four = serializers.CharField()
    state = serializers.SerializerMethodField()
    scopes = serializers.ListField(child=serializers.CharField())
    endpoints = serializers.ListField(child=serializers.CharField(), allow_null=True)
    limits = KeyLimit(many=True, source="policies")
    budget_micros = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "expired" if key.expires_at is not None and key.expires_at <= timezone.now() else "live"

    def get_budget_micros(self, key: ApiKey) -> int | None:
        return _budgets(key).values_list("limit_micros", flat=True).first()


class NewKeyAnswer(KeyAnswer):
    secret = serializers.CharField(help_text="The whole key. It is shown this once.")


class KeysView(APIView):
    scopes = {"POST": "admin"}

    @extend_schema(responses=listed(KeyAnswer), operation_id="keys_list")
    def get(self, request: OrganisationRequest) -> Response:
        return page(request, ApiKey.objects.of(request.organisation), _rendered)

    @extend_schema(request=KeyWish, responses={201: NewKeyAnswer}, operation_id="keys_create")
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        wish = parsed(KeyWish, request)
        endpoints = _endpoint_ids(request.organisation, wish.get("endpoints"))
        _refuse_more_than_own(request, wish["scopes"], endpoints)
        policies, errors = parse_policies([dict(limit) for limit in wish.get("limits", [])])
        if errors:
            raise Problem("yours:invalid", errors=errors)
        with transaction.atomic():
            key, secret = create_api_key(
                request.organisation,
                name=wish["name"],
                scopes=wish["scopes"],
                mode=wish["mode"],
                endpoints=endpoints,
                policies=[RatePolicy(**policy) for policy in policies],
                expires_at=wish.get("expires_at"),
                created_by=actor_of(request),
                address=client_address(request),
            )
            if wish.get("budget_micros") is not None:
                name, limit = f"Key {key.name}"[:80], wish["budget_micros"]
                actor = actor_of(request)
                set_budget(request.organisation, name=name, scope="key", scope_id=key.pk, limit_micros=limit, by=actor)
        answer = {**_rendered(key), "secret": secret}
        return Response(answer, 201, headers={"Location": f"/api/v1/keys/{key.pk}", "Cache-Control": "no-store"})


class KeyView(APIView):
    scopes = {"DELETE": "admin"}

    @extend_schema(responses=KeyAnswer, operation_id="keys_get")
    def get(self, request: OrganisationRequest, key_id: str) -> Response:
        return Response(_rendered(_key(request.organisation, key_id)))

    @extend_schema(responses={204: None}, operation_id="keys_revoke")
    def delete(self, request: OrganisationRequest, key_id: str) -> Response:
        """Revoke the key; its record stays, so that old usage still has a name."""
        key = _key(request.organisation, key_id)
        with transaction.atomic():
            revoke_api_key(key, by=actor_of(request), address=client_address(request))
            for budget in _budgets(key):
                delete_budget(budget, by=actor_of(request))
        return Response(status=204)


def _key(organisation: Organisation, key_id: str) -> ApiKey:
    key = ApiKey.objects.of(organisation).select_related("organisation").filter(pk=key_id).first()
    if key is None:
        raise Problem("yours:not-found")
    return key


def _budgets(key: ApiKey) -> Any:
    return Budget.objects.filter(
        organisation=key.organisation_id, scope="key", scope_id=key.pk, deleted_at=None
    ).order_by("id")


def _rendered(key: ApiKey) -> dict[str, Any]:
    return dict(KeyAnswer(key).data)


def _endpoint_ids(organisation: Organisation, wanted: list[str] | None) -> list[str] | None:
    """Ids for ids and names; a foreign or unknown one is refused by its place in the list."""
    if wanted is None:
        return None
    known = {}
    for endpoint_id, name in living_endpoints(organisation).values_list("id", "name"):
        known[name] = known[endpoint_id] = endpoint_id
    errors = [
        {"location": f"endpoints[{place}]", "message": "there is no such endpoint", "fix": "Use its id or name."}
        for place, one in enumerate(wanted)
        if one not in known
    ]
    if errors:
        raise Problem("yours:invalid", errors=errors)
    return sorted({known[one] for one in wanted})


def _refuse_more_than_own(request: OrganisationRequest, scopes: list[str], endpoints: list[str] | None) -> None:
    """A key makes no key that may more than itself."""
    maker = request.auth
    if not isinstance(maker, ApiKey):
        return
    if not may_grant_scopes(maker.scopes, scopes):
        raise Problem("yours:not-allowed", "This key may only make keys with scopes it has itself.")
    if maker.endpoints is not None and (endpoints is None or not set(endpoints) <= set(maker.endpoints)):
        raise Problem("yours:not-allowed", "This key may only make keys for endpoints it has itself.")
