"""Operators read usage, leases and journal cursors, and settle usage that was refused."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.ledger.admin import ReadOnly
from apps.metering.models import JournalCursor, Lease, RefusedUsage, UsageEvent


@admin.register(UsageEvent)
class UsageEventAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "organisation", "meter", "units", "amount_micros", "occurred_at", "period", "late"]
    list_filter = ["meter", "late", "period"]
    search_fields = ["id", "endpoint", "key", "run"]
    show_full_result_count = False


@admin.register(Lease)
class LeaseAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "wallet", "node", "granted_micros", "spent_micros", "state", "expires_at"]
    list_filter = ["state", "node"]


@admin.register(JournalCursor)
class JournalCursorAdmin(ReadOnly, ModelAdmin):
    list_display = ["node", "segment", "offset", "posts", "updated_at"]


@admin.register(RefusedUsage)
class RefusedUsageAdmin(ModelAdmin):
    list_display = ["digest", "node", "segment", "reason", "refused_at", "resolved_at"]
    list_filter = ["node", "resolved_at"]
    readonly_fields = ["digest", "node", "segment", "record", "reason", "refused_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
