"""Operators see what waits, what died and why, and may let a dead message try again."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from apps.outbox.models import InboxMessage, OutboxMessage


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting"), ("dead", "Given up"), ("done", "Done")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        if self.value() == "waiting":
            return queryset.filter(done_at=None, dead_at=None)
        if self.value() == "dead":
            return queryset.exclude(dead_at=None)
        if self.value() == "done":
            return queryset.exclude(done_at=None)
        return queryset


class LookOnly(ModelAdmin):
    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OutboxMessage)
class OutboxMessageAdmin(LookOnly):
    list_display = ["topic", "dedupe_key", "created_at", "attempts", "available_at", "done_at", "dead_at"]
    list_filter = [StateFilter, "topic"]
    search_fields = ["dedupe_key"]
    ordering = ["-id"]
    actions = ["try_again"]

    @admin.action(description="Let the chosen dead messages try again", permissions=["view"])
    def try_again(self, request: HttpRequest, messages: QuerySet[OutboxMessage]) -> None:
        messages.exclude(dead_at=None).update(dead_at=None, attempts=0, available_at=timezone.now())


@admin.register(InboxMessage)
class InboxMessageAdmin(LookOnly):
    list_display = ["consumer", "message_id", "received_at", "applied_at"]
    list_filter = ["consumer"]
    search_fields = ["message_id"]
    ordering = ["-id"]
