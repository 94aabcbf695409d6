"""Operators see models and their versions; versions are immutable."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.registry.models import Model, ModelVersion


class LookOnly(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Model)
class ModelLineAdmin(LookOnly):
    list_display = ["id", "name", "organisation", "task", "target", "updated_at"]
    search_fields = ["id", "name", "organisation__name"]
    list_select_related = ["organisation"]


@admin.register(ModelVersion)
class ModelVersionAdmin(LookOnly):
    list_display = ["id", "model", "number", "family", "organisation", "model_bytes", "created_at"]
    search_fields = ["id", "model__name", "organisation__name", "model_sha256"]
    list_select_related = ["organisation", "model"]
