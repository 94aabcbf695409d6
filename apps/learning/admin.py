"""Operators see how much is kept, never what: bodies and answers stay out of the console."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.endpoints.admin import LookOnly
from apps.learning.models import LoggedRequest, Replay


@admin.register(LoggedRequest)
class LoggedRequestAdmin(LookOnly, ModelAdmin):
    list_display = ("id", "organisation", "endpoint", "status", "code", "latency_ms", "size_bytes", "at")
    fields = ("id", "organisation", "endpoint", "model_version", "status", "code", "latency_ms", "size_bytes", "at")
    list_filter = ("status",)
    search_fields = ("id", "request_id", "endpoint__name")


@admin.register(Replay)
class ReplayAdmin(LookOnly, ModelAdmin):
    list_display = ("id", "organisation", "endpoint", "model_version", "created_at")
    fields = ("id", "organisation", "endpoint", "model_version", "batch", "created_at")
