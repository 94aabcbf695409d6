"""REST addresses of webhooks, under /api/v1/."""

from django.urls import path

from apps.webhooks import api

urlpatterns = [
    path("events", api.Events.as_view(), name="api-events"),
    path("webhooks", api.Webhooks.as_view(), name="api-webhooks"),
    path("webhooks/<str:webhook_id>", api.OneWebhook.as_view(), name="api-webhook"),
    path("webhooks/<str:webhook_id>/rotate", api.RotateSecret.as_view(), name="api-webhook-rotate"),
    path("webhooks/<str:webhook_id>/ping", api.Ping.as_view(), name="api-webhook-ping"),
    path("webhooks/<str:webhook_id>/deliveries", api.Deliveries.as_view(), name="api-deliveries"),
    path(
        "webhooks/<str:webhook_id>/deliveries/<str:delivery_id>/redeliver",
        api.Redeliver.as_view(),
        name="api-redeliver",
    ),
]
