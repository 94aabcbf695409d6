"""Operators see webhooks, events and deliveries; customers change them."""

from django.contrib import admin

from apps.outbox.admin import LookOnly
from apps.webhooks.models import Delivery, Event, Webhook


@admin.register(Webhook)
class WebhookAdmin(LookOnly):
    list_display = ["url", "organisation", "state", "failing_since", "disabled_at", "deleted_at"]
    search_fields = ["url", "organisation__slug"]


@admin.register(Event)
class EventAdmin(LookOnly):
    list_display = ["kind", "organisation", "at", "dedupe_key"]
    list_filter = ["kind"]
    search_fields = ["organisation__slug", "dedupe_key"]


@admin.register(Delivery)
class DeliveryAdmin(LookOnly):
    list_display = ["event", "webhook", "state", "attempts", "next_at", "delivered_at"]
    list_filter = ["state"]
