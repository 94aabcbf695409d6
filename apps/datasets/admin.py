"""Operators see datasets and their versions; what is in a file stays the customer's business."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from apps.datasets.models import Dataset, DatasetVersion


class VersionInline(TabularInline):
    model = DatasetVersion
    fields = ["number", "state", "file_name", "format", "rows", "upload_bytes", "check_attempts", "created_at"]
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Dataset)
class DatasetAdmin(ModelAdmin):
    list_display = ["id", "name", "organisation", "task", "created_at", "deleted_at"]
    list_filter = ["task"]
    search_fields = ["id", "name", "organisation__name"]
    list_select_related = ["organisation"]
    fields = ["id", "name", "organisation", "task", "description", "created_by", "created_at", "deleted_at"]
    readonly_fields = fields
    inlines = [VersionInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ModelAdmin):
    list_display = [
        "id",
        "dataset",
        "organisation",
        "number",
        "state",
        "format",
        "rows",
        "upload_bytes",
        "check_attempts",
    ]
    list_filter = ["state", "format"]
    search_fields = ["id", "dataset__name", "organisation__name", "upload_sha256"]
    list_select_related = ["organisation", "dataset"]
    fields = [
        "id",
        "dataset",
        "organisation",
        "number",
        "state",
        "file_name",
        "upload_bytes",
        "upload_sha256",
        "format",
        "rows",
        "canonical_bytes",
        "canonical_sha256",
        "inferred_task",
        "inferred_target",
        "issues",
        "created_at",
        "checked_at",
        "check_lease_until",
        "check_attempts",
    ]
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
