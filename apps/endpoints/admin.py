"""Operators' view of endpoints, what nodes report of them, and batches: to look at, not to change."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from apps.endpoints.models import Batch, ConfigRevision, Deployment, Endpoint, ServingReport


class LookOnly:
    """Changes go through the services, so that they are audited and published."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DeploymentInline(LookOnly, TabularInline):
    model = Deployment
    extra = 0
    fields = ("model_version", "weight", "shadow", "edition", "created_at", "retired_at")


class ReportInline(LookOnly, TabularInline):
    model = ServingReport
    extra = 0
    fields = ("node", "state", "revision", "providers", "error", "reported_at")


@admin.register(Endpoint)
class EndpointAdmin(LookOnly, ModelAdmin):
    list_display = ("name", "organisation", "state", "latency_class", "paused_at", "created_at", "deleted_at")
    list_filter = ("state", "latency_class")
    search_fields = ("id", "name", "organisation__name")
    inlines = (DeploymentInline, ReportInline)


@admin.register(Batch)
class BatchAdmin(LookOnly, ModelAdmin):
    list_display = ("id", "organisation", "state", "rows", "rows_done", "rows_failed", "cost_micros", "created_at")
    list_filter = ("state",)
    search_fields = ("id", "organisation__name")


@admin.register(ConfigRevision)
class ConfigRevisionAdmin(LookOnly, ModelAdmin):
    list_display = ("revision", "changed_at")
