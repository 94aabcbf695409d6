"""`/api/v1/currency`: the organisation's currency, those it may choose, and what binds it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.billing.services.change_currency import change_currency, currency_is_fixed_by, offered_currencies
from apps.ledger.currencies import minor_digits
from apps.rest.authentication import OrganisationRequest
from apps.rest.parsing import StrictSerializer, parsed
from apps.rest.permissions import actor_of


class CurrencyAnswer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    decimals = serializers.IntegerField(help_text="Of amounts on invoices; micros are exact in every currency.")
    offered = serializers.ListField(child=serializers.CharField())
    fixed_by = serializers.CharField(allow_null=True, help_text="What there is in it already; null: it may change.")


class CurrencyChange(StrictSerializer):
    currency = serializers.CharField(max_length=3)


class CurrencyView(APIView):
    scopes = {"PATCH": "billing"}

    @extend_schema(operation_id="get_currency", responses=CurrencyAnswer)
    def get(self, request: OrganisationRequest) -> Response:
        return Response(_shown(request))

    @extend_schema(
        operation_id="change_currency",
        request=CurrencyChange,
        responses=CurrencyAnswer,
        description="Until the first thing that costs; nothing is ever converted.",
    )
    def patch(self, request: OrganisationRequest) -> Response:
        change_currency(request.organisation, parsed(CurrencyChange, request)["currency"], by=actor_of(request))
        return Response(_shown(request))


def _shown(request: OrganisationRequest) -> dict[str, Any]:
    organisation = request.organisation
    return {
        "currency": organisation.currency,
        "decimals": minor_digits(organisation.currency),
        "offered": offered_currencies(),
        "fixed_by": currency_is_fixed_by(organisation) or None,
    }
