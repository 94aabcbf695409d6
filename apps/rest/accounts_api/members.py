"""`/api/v1/members`: who belongs to the organisation, and with which role."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.client_address import client_address
from apps.accounts.models import Membership, Organisation
from apps.accounts.rules import ROLES
from apps.accounts.services.change_role import change_role
from apps.accounts.services.remove_member import remove_member
from apps.rest.authentication import OrganisationRequest
from apps.rest.etags import etag_of, require_match
from apps.rest.openapi import listed
from apps.rest.paging import page
from apps.rest.parsing import StrictSerializer, parsed
from apps.rest.permissions import actor_of
from contracts.problems import Problem


class MemberAnswer(serializers.Serializer[Any]):
    id = serializers.CharField(source="user_id")
    email = serializers.CharField(source="user.email")
    role = serializers.CharField()
    joined_at = serializers.DateTimeField()


class MemberChange(StrictSerializer):
    role = serializers.ChoiceField(choices=ROLES)


class MembersView(APIView):
    @extend_schema(responses=listed(MemberAnswer), operation_id="members_list")
    def get(self, request: OrganisationRequest) -> Response:
        members = Membership.objects.of(request.organisation).select_related("user")
        return page(request, members, _rendered)


class MemberView(APIView):
    scopes = {"PATCH": "admin", "DELETE": "admin"}

    @extend_schema(responses=MemberAnswer, operation_id="members_get")
    def get(self, request: OrganisationRequest, member_id: str) -> Response:
        return _answer(_member(request.organisation, member_id))

    @extend_schema(request=MemberChange, responses=MemberAnswer, operation_id="members_change")
    def patch(self, request: OrganisationRequest, member_id: str) -> Response:
        change = parsed(MemberChange, request)
        with transaction.atomic():
            Organisation.objects.select_for_update().get(pk=request.organisation.pk)  # members change one by one
            member = _member(request.organisation, member_id)
            require_match(request, _rendered(member))
            member = change_role(member, role=change["role"], by=actor_of(request), address=client_address(request))
        return _answer(member)

    @extend_schema(responses={204: None}, operation_id="members_remove")
    def delete(self, request: OrganisationRequest, member_id: str) -> Response:
        member = _member(request.organisation, member_id)
        remove_member(member, by=actor_of(request), address=client_address(request))
        return Response(status=204)


def _member(organisation: Organisation, member_id: str) -> Membership:
    member = Membership.objects.of(organisation).select_related("user", "organisation").filter(user=member_id).first()
    if member is None:
        raise Problem("yours:not-found")
    return member


def _rendered(member: Membership) -> dict[str, Any]:
    return dict(MemberAnswer(member).data)


def _answer(member: Membership) -> Response:
    document = _rendered(member)
    return Response(document, headers={"ETag": etag_of(document)})
