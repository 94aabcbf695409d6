"""`/api/v1/audit`: who did what to what, newest first; each line carries the hash of the one before."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import AuditEntry
from apps.rest.authentication import OrganisationRequest
from apps.rest.openapi import listed
from apps.rest.paging import page


class AuditAnswer(serializers.Serializer[Any]):
    id = serializers.SerializerMethodField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    actor_label = serializers.CharField()
    action = serializers.CharField()
    subject = serializers.CharField()
    details = serializers.DictField()
    address = serializers.IPAddressField(allow_null=True)
    previous_hash = serializers.CharField()
    hash = serializers.CharField()

    def get_id(self, entry: AuditEntry) -> str:
        return f"aud_{entry.hash[:26]}"  # the row number would tell how busy others are


class AuditView(APIView):
    scopes = {"GET": "admin"}

    @extend_schema(responses=listed(AuditAnswer), operation_id="audit_list")
    def get(self, request: OrganisationRequest) -> Response:
        entries = AuditEntry.objects.of(request.organisation)
        return page(request, entries, lambda entry: AuditAnswer(entry).data)
