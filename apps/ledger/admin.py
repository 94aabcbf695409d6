"""Operators read the ledger, wallets, holds and budgets, and add prices; nothing here changes money."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from apps.ledger.models import Budget, CreditLot, Hold, LedgerEntry, LedgerTransaction, Price, PriceTiers, Wallet
from apps.ledger.tiers import read_tiers, tiers_objection


class ReadOnly:
    """Books are read in the console, and written by services only."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TiersForm(forms.ModelForm):
    """Refuses what is no ladder of tiers."""

    def clean_tiers(self) -> Any:
        raw = self.cleaned_data["tiers"]
        try:
            objection = tiers_objection(read_tiers(raw)) if raw else ""
        except (KeyError, TypeError):
            objection = 'write a list of {"up_to": 1000, "unit_price_micros": 0}, the last with "up_to": null'
        if objection:
            raise forms.ValidationError(objection)
        return raw


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


@admin.register(PriceTiers)
class PriceTiersAdmin(ModelAdmin):
    """Tiers are superseded by later ones; rows never change."""

    list_display = ["meter", "dimension", "plan", "currency", "mode", "effective_from"]
    list_filter = ["meter", "plan", "currency"]
    exclude = ["created_by"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        return super().get_form(request, obj, **{**kwargs, "form": TiersForm})

    def save_model(self, request: HttpRequest, obj: PriceTiers, form: Any, change: bool) -> None:
        obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)


@admin.register(CreditLot)
class CreditLotAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "organisation",
        "kind",
        "amount_micros",
        "used_micros",
        "expired_micros",
        "withdrawn_micros",
        "left_micros",
        "expires_at",
        "note",
    ]
    list_filter = ["kind", "currency"]
    search_fields = ["organisation__slug", "ref"]


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
