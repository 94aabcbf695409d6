"""REST of webhooks: addresses, secrets, deliveries, and the events themselves."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.rest.authentication import OrganisationRequest
from apps.rest.idempotency import idempotent
from apps.rest.openapi import listed
from apps.rest.paging import page
from apps.rest.parsing import StrictSerializer, parsed
from apps.rest.permissions import actor_of
from apps.webhooks import schemas
from apps.webhooks.models import Delivery, Event, Webhook
from apps.webhooks.queries import deliveries_of, delivery_or_problem, webhook_or_problem, webhooks_of
from apps.webhooks.services import change_webhook as changing
from apps.webhooks.signing import secret_of


class WebhookRequest(StrictSerializer):
    url = serializers.CharField(max_length=500)
    kinds = serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=50)
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)


class WebhookChange(StrictSerializer):
    url = serializers.CharField(max_length=500, required=False)
    kinds = serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=50)
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)
    disabled = serializers.BooleanField(required=False)


class Webhooks(APIView):
    scopes = {"GET": "admin", "POST": "admin"}

    @extend_schema(operation_id="list_webhooks", responses=listed(schemas.WebhookAnswer))
    def get(self, request: OrganisationRequest) -> Response:
        return page(request, webhooks_of(request.organisation), shown_webhook)

    @extend_schema(
        operation_id="create_webhook",
        request=WebhookRequest,
        responses={201: schemas.WebhookWithSecret},
        description="The secret is shown here and after a rotation; check signatures as standardwebhooks.com says.",
    )
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        values = parsed(WebhookRequest, request)
        webhook = changing.create_webhook(request.organisation, **values, by=actor_of(request))
        answer = {**shown_webhook(webhook), "secret": secret_of(webhook)}
        return Response(answer, status=201, headers={"Location": f"/api/v1/webhooks/{webhook.pk}"})


class OneWebhook(APIView):
    scopes = {"GET": "admin", "PATCH": "admin", "DELETE": "admin"}

    @extend_schema(operation_id="get_webhook", responses=schemas.WebhookAnswer)
    def get(self, request: OrganisationRequest, webhook_id: str) -> Response:
        return Response(shown_webhook(webhook_or_problem(request.organisation, webhook_id)))

    @extend_schema(operation_id="change_webhook", request=WebhookChange, responses=schemas.WebhookAnswer)
    def patch(self, request: OrganisationRequest, webhook_id: str) -> Response:
        webhook = webhook_or_problem(request.organisation, webhook_id)
        values = parsed(WebhookChange, request)
        return Response(shown_webhook(changing.change_webhook(webhook, **values, by=actor_of(request))))

    @extend_schema(operation_id="delete_webhook", responses={204: None})
    def delete(self, request: OrganisationRequest, webhook_id: str) -> Response:
        changing.delete_webhook(webhook_or_problem(request.organisation, webhook_id), by=actor_of(request))
        return Response(status=204)


class RotateSecret(APIView):
    scopes = {"POST": "admin"}

    @extend_schema(operation_id="rotate_webhook_secret", request=None, responses=schemas.WebhookWithSecret)
    @idempotent
    def post(self, request: OrganisationRequest, webhook_id: str) -> Response:
        webhook = webhook_or_problem(request.organisation, webhook_id)
        rotated = changing.rotate_secret(webhook, by=actor_of(request))
        return Response({**shown_webhook(rotated), "secret": secret_of(rotated)})


class Ping(APIView):
    scopes = {"POST": "admin"}

    @extend_schema(operation_id="ping_webhook", request=None, responses={202: schemas.DeliveryAnswer})
    @idempotent
    def post(self, request: OrganisationRequest, webhook_id: str) -> Response:
        delivery = changing.send_ping(webhook_or_problem(request.organisation, webhook_id))
        return Response(shown_delivery(delivery), status=202)


class Deliveries(APIView):
    scopes = {"GET": "admin"}

    @extend_schema(operation_id="list_deliveries", responses=listed(schemas.DeliveryAnswer))
    def get(self, request: OrganisationRequest, webhook_id: str) -> Response:
        return page(request, deliveries_of(webhook_or_problem(request.organisation, webhook_id)), shown_delivery)


class Redeliver(APIView):
    scopes = {"POST": "admin"}

    @extend_schema(operation_id="redeliver", request=None, responses={202: schemas.DeliveryAnswer})
    @idempotent
    def post(self, request: OrganisationRequest, webhook_id: str, delivery_id: str) -> Response:
        webhook = webhook_or_problem(request.organisation, webhook_id)
        delivery = changing.redeliver(delivery_or_problem(webhook, delivery_id), by=actor_of(request))
        return Response(shown_delivery(delivery), status=202)


class Events(APIView):
    @extend_schema(operation_id="list_events", responses=listed(schemas.EventAnswer))
    def get(self, request: OrganisationRequest) -> Response:
        return page(request, Event.objects.of(request.organisation), shown_event)


def shown_webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.pk,
        "object": "webhook",
        "url": webhook.url,
        "kinds": webhook.kinds,
        "description": webhook.description,
        "state": webhook.state,
        "created_at": webhook.created_at.isoformat(),
        "old_secret_until": webhook.old_secret_until.isoformat() if webhook.old_secret_until else None,
    }


def shown_event(event: Event) -> dict[str, Any]:
    return {
        "id": event.pk,
        "object": "event",
        "type": event.kind,
        "timestamp": event.at.isoformat(),
        "data": event.data,
    }


def shown_delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.pk,
        "object": "delivery",
        "event": delivery.event_id,
        "type": delivery.event.kind,
        "state": delivery.state,
        "attempts": [
            {"at": one.at.isoformat(), "status": one.status, "error": one.error, "took_ms": one.took_ms}
            for one in delivery.tries.order_by("pk")
        ],
        "next_at": delivery.next_at.isoformat() if delivery.state == "waiting" else None,
        "delivered_at": delivery.delivered_at.isoformat() if delivery.delivered_at else None,
    }
