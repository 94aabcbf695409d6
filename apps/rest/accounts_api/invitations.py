"""`/api/v1/invitations`: people who were asked to join."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.client_address import client_address
from apps.accounts.models import Invitation, Organisation
from apps.accounts.rules import ROLES
from apps.accounts.services.invite_member import invite_member
from apps.accounts.services.revoke_invitation import revoke_invitation
from apps.rest.authentication import OrganisationRequest
from apps.rest.idempotency import idempotent
from apps.rest.openapi import listed
from apps.rest.paging import page
from apps.rest.parsing import StrictSerializer, parsed
from apps.rest.permissions import actor_of
from contracts.problems import Problem


class InvitationAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    email = serializers.CharField()
    role = serializers.CharField()
    state = serializers.CharField(help_text="open, accepted, revoked or expired")
    invited_by = serializers.CharField(source="invited_by_id", allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class InvitationWish(StrictSerializer):
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=ROLES, default="member")


class InvitationsView(APIView):
    scopes = {"GET": "admin", "POST": "admin"}

    @extend_schema(responses=listed(InvitationAnswer), operation_id="invitations_list")
    def get(self, request: OrganisationRequest) -> Response:
        return page(request, Invitation.objects.of(request.organisation), _rendered)

    @extend_schema(request=InvitationWish, responses={201: InvitationAnswer}, operation_id="invitations_create")
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        wish = parsed(InvitationWish, request)
        invitation = invite_member(
            request.organisation,
            email=wish["email"],
            role=wish["role"],
            invited_by=actor_of(request),
            address=client_address(request),
        )
        return Response(_rendered(invitation), 201, headers={"Location": f"/api/v1/invitations/{invitation.pk}"})


class InvitationView(APIView):
    scopes = {"GET": "admin", "DELETE": "admin"}

    @extend_schema(responses=InvitationAnswer, operation_id="invitations_get")
    def get(self, request: OrganisationRequest, invitation_id: str) -> Response:
        return Response(_rendered(_invitation(request.organisation, invitation_id)))

    @extend_schema(responses={204: None}, operation_id="invitations_revoke")
    def delete(self, request: OrganisationRequest, invitation_id: str) -> Response:
        invitation = _invitation(request.organisation, invitation_id)
        revoke_invitation(invitation, by=actor_of(request), address=client_address(request))
        return Response(status=204)


def _invitation(organisation: Organisation, invitation_id: str) -> Invitation:
    invitation = Invitation.objects.of(organisation).filter(pk=invitation_id).first()
    if invitation is None:
        raise Problem("yours:not-found")
    return invitation


def _rendered(invitation: Invitation) -> dict[str, Any]:
    return dict(InvitationAnswer(invitation).data)
