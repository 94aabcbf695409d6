"""`/api/v1/organisation`: the organisation that the key or session works in."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.client_address import client_address
from apps.accounts.models import Organisation
from apps.accounts.services.rename_organisation import rename_organisation
from apps.rest.authentication import OrganisationRequest
from apps.rest.etags import etag_of, require_match
from apps.rest.parsing import StrictSerializer, parsed
from apps.rest.permissions import actor_of


class OrganisationAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    slug = serializers.CharField()
    currency = serializers.CharField()
    suspended_reason = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class OrganisationChange(StrictSerializer):
    name = serializers.CharField(max_length=120)


class OrganisationView(APIView):
    scopes = {"PATCH": "admin"}

    @extend_schema(responses=OrganisationAnswer, operation_id="organisation_get")
    def get(self, request: OrganisationRequest) -> Response:
        return _answer(request.organisation)

    @extend_schema(request=OrganisationChange, responses=OrganisationAnswer, operation_id="organisation_change")
    def patch(self, request: OrganisationRequest) -> Response:
        change = parsed(OrganisationChange, request)
        with transaction.atomic():
            organisation = Organisation.objects.select_for_update().get(pk=request.organisation.pk)
            require_match(request, rendered(organisation))
            rename_organisation(
                organisation, name=change["name"], by=actor_of(request), address=client_address(request)
            )
        return _answer(organisation)


def rendered(organisation: Organisation) -> dict[str, Any]:
    return dict(OrganisationAnswer(organisation).data)


def _answer(organisation: Organisation) -> Response:
    document = rendered(organisation)
    return Response(document, headers={"ETag": etag_of(document)})
