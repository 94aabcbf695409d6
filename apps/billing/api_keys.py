"""`/api/v1/keys`: API keys and sub-keys with their limits; here, because budgets live no lower."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.client_address import client_address
from apps.accounts.models import ApiKey, Organisation
from apps.accounts.rules import may_grant_scopes
from apps.accounts.services.change_api_key import change_api_key
from apps.accounts.services.create_api_key import create_api_key
from apps.accounts.services.revoke_api_key import revoke_api_key
from apps.accounts.services.rotate_api_key import rotate_api_key
from apps.accounts.services.share_key_usage import share_key_usage
from apps.billing.key_month import key_month
from apps.billing.key_schemas import KeyAnswer, KeyChange, KeyMonth, KeyRotation, KeyWish, NewKeyAnswer
from apps.billing.services.delete_budget import delete_budget
from apps.billing.services.limit_key import limit_key
from apps.endpoints.queries import living_endpoints
from apps.endpoints.rules import parse_policies
from apps.ledger.models import Budget
from apps.rest.authentication import OrganisationRequest
from apps.rest.idempotency import idempotent
from apps.rest.openapi import listed
from apps.rest.paging import page
from apps.rest.parsing import parsed
from apps.rest.permissions import actor_of
from contracts.problems import Problem
from contracts.serving import RatePolicy

_AMOUNTS = {"monthly_predictions": "units", "budget_micros": "money"}  # field -> what it measures


class KeysView(APIView):
    scopes = {"POST": "admin"}

    @extend_schema(
        responses=listed(KeyAnswer),
        operation_id="keys_list",
        parameters=[OpenApiParameter("parent", str, description="Only the sub-keys of this key")],
    )
    def get(self, request: OrganisationRequest) -> Response:
        keys = ApiKey.objects.of(request.organisation).select_related("parent")
        if parent := request.query_params.get("parent"):
            keys = keys.filter(parent=_key(request.organisation, parent))
        return page(request, keys, _rendered)

    @extend_schema(request=KeyWish, responses={201: NewKeyAnswer}, operation_id="keys_create")
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        wish = parsed(KeyWish, request)
        parent = _key(request.organisation, wish["parent"]) if "parent" in wish else None
        endpoints = _endpoint_ids(request.organisation, wish.get("endpoints"))
        _refuse_more_than_own(request, wish["scopes"], endpoints)
        with transaction.atomic():
            key, secret = create_api_key(
                request.organisation,
                name=wish["name"],
                scopes=wish["scopes"],
                mode=wish["mode"],
                parent=parent,
                endpoints=endpoints,
                policies=[RatePolicy(**policy) for policy in _policies(wish)],
                max_concurrency=wish.get("max_concurrency"),
                expires_at=wish.get("expires_at"),
                created_by=actor_of(request),
                address=client_address(request),
            )
            _limit(request, key, wish)
        return _with_secret(key, secret, 201)


class KeyView(APIView):
    scopes = {"PATCH": "admin", "DELETE": "admin"}

    @extend_schema(responses=KeyAnswer, operation_id="keys_get")
    def get(self, request: OrganisationRequest, key_id: str) -> Response:
        return Response(_rendered(_key(request.organisation, key_id)))

    @extend_schema(request=KeyChange, responses=KeyAnswer, operation_id="keys_change")
    @transaction.atomic
    def patch(self, request: OrganisationRequest, key_id: str) -> Response:
        """Change limits, pause, resume, share the usage page. The data plane follows within five seconds."""
        key = _key(request.organisation, key_id)
        wish = parsed(KeyChange, request)
        changes: dict[str, Any] = {
            name: wish[name] for name in ("name", "max_concurrency", "expires_at", "paused") if name in wish
        }
        if "limits" in wish:
            changes["policies"] = _policies(wish)
        if "endpoints" in wish:
            changes["endpoints"] = _endpoint_ids(request.organisation, wish["endpoints"])
            _refuse_more_than_own(request, key.scopes, changes["endpoints"])
        change_api_key(key, by=actor_of(request), address=client_address(request), **changes)
        _limit(request, key, wish)
        if "shared" in wish:
            share_key_usage(key, is_shared=wish["shared"], by=actor_of(request), address=client_address(request))
        return Response(_rendered(key))

    @extend_schema(responses={204: None}, operation_id="keys_revoke")
    def delete(self, request: OrganisationRequest, key_id: str) -> Response:
        """Revoke the key, and with it its sub-keys; its record stays, so that old usage still has a name."""
        key = _key(request.organisation, key_id)
        with transaction.atomic():
            revoke_api_key(key, by=actor_of(request), address=client_address(request))
            for budget in Budget.objects.of(request.organisation).filter(scope="key", scope_id=key.pk, deleted_at=None):
                delete_budget(budget, by=actor_of(request))
        return Response(status=204)


class KeyRotate(APIView):
    scopes = {"POST": "admin"}

    @extend_schema(request=KeyRotation, responses={200: NewKeyAnswer}, operation_id="keys_rotate")
    @idempotent
    def post(self, request: OrganisationRequest, key_id: str) -> Response:
        """A new secret for the same key: limits and usage stay."""
        key = _key(request.organisation, key_id)
        _refuse_more_than_own(request, key.scopes, key.endpoints)
        overlap_h = parsed(KeyRotation, request)["overlap_hours"]
        key, secret = rotate_api_key(key, by=actor_of(request), overlap_h=overlap_h, address=client_address(request))
        return _with_secret(key, secret, 200)


class OwnMonth(APIView):
    """For the program that holds a key, a consumer's sub-key too: no scope but `predict`, and nothing but its own."""

    scopes = {"GET": "predict"}

    @extend_schema(responses=KeyMonth, operation_id="keys_own_usage")
    def get(self, request: OrganisationRequest) -> Response:
        if not isinstance(request.auth, ApiKey):
            raise Problem("yours:not-found", "This is told to API keys alone; members find it on the key's page.")
        return Response(KeyMonth(key_month(request.auth)).data)


def _key(organisation: Organisation, key_id: str) -> ApiKey:
    key = ApiKey.objects.of(organisation).select_related("organisation", "parent").filter(pk=key_id).first()
    if key is None:
        raise Problem("yours:not-found")
    return key


def _policies(wish: dict[str, Any]) -> list[dict[str, Any]]:
    policies, errors = parse_policies([dict(limit) for limit in wish.get("limits", [])])
    if errors:
        raise Problem("yours:invalid", errors=errors)
    return policies


def _limit(request: OrganisationRequest, key: ApiKey, wish: dict[str, Any]) -> None:
    for field, measure in _AMOUNTS.items():
        if field in wish:
            limit_key(key, measure, wish[field], by=actor_of(request))


def _with_secret(key: ApiKey, secret: str, status: int) -> Response:
    answer = {**_rendered(key), "secret": secret}
    return Response(answer, status, headers={"Location": f"/api/v1/keys/{key.pk}", "Cache-Control": "no-store"})


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
