"""Operators read the ledger, wallets, holds and budgets, and add prices; nothing here changes money."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from apps.ledger.models import Budget, Hold, LedgerEntry, LedgerTransaction, Price, Wallet


class ReadOnly:
    """Books are read in the console, and written by services only."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Price)
class PriceAdmin(ModelAdmin):
    """A price is superseded by adding a later one; rows never change."""

    list_display = ["meter", "dimension", "currency", "unit_price_micros", "effective_from", "created_by"]
    list_filter = ["meter", "dimension", "currency"]
    fields = ["meter", "dimension", "currency", "unit_price_micros", "effective_from"]
    ordering = ["meter", "dimension", "currency", "-effective_from"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Price, form: Any, change: bool) -> None:
        obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)


class EntryInline(ReadOnly, TabularInline):
    model = LedgerEntry
    extra = 0


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(ReadOnly, ModelAdmin):
    list_display = ["ref", "kind", "organisation", "at", "recorded_at"]
    list_filter = ["kind"]
    search_fields = ["ref", "organisation__slug"]
    date_hierarchy = "at"
    inlines = [EntryInline]


@admin.register(Wallet)
class WalletAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "organisation",
        "budget",
        "currency",
        "available_micros",
        "held_micros",
        "spent_micros",
        "period_end",
    ]
    search_fields = ["organisation__slug", "organisation__name"]


@admin.register(Hold)
class HoldAdmin(ReadOnly, ModelAdmin):
    list_display = ["subject", "wallet", "amount_micros", "charged_micros", "state", "opened_at", "closed_at"]
    list_filter = ["state"]
    search_fields = ["subject"]


@admin.register(Budget)
class BudgetAdmin(ReadOnly, ModelAdmin):
    list_display = ["name", "organisation", "scope", "scope_id", "limit_micros", "period", "is_hard", "deleted_at"]
    list_filter = ["scope", "is_hard"]
    search_fields = ["name", "organisation__slug"]
