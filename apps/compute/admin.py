"""Operators see pools, quotas and nodes; tokens are never shown."""

from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from apps.compute.models import Node, Pool, Quota


class QuotaInline(TabularInline):
    model = Quota
    extra = 0
    raw_id_fields = ["organisation"]


@admin.register(Pool)
class PoolAdmin(ModelAdmin):
    list_display = ["name", "title", "slots", "has_gpu", "max_run_seconds", "is_open"]
    inlines = [QuotaInline]


@admin.register(Node)
class NodeAdmin(ModelAdmin):
    list_display = ["name", "kind", "pool", "last_seen_at", "version", "token_expires_at", "disabled_at"]
    list_filter = ["kind", "pool"]
    readonly_fields = ["id", "boot", "version", "address", "capabilities", "last_seen_at", "created_at"]
    exclude = ["token_digest"]

    def has_add_permission(self, request: object) -> bool:
        """A node needs a token, which `manage.py register_node` prints once."""
        return False
