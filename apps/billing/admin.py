"""Operators read invoices, top-ups and what Stripe was told; nothing here changes them."""

from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from apps.billing.models import Invoice, InvoiceLine, StripeCustomer, StripePush, TopUp
from apps.ledger.admin import ReadOnly


class LineInline(ReadOnly, TabularInline):
    model = InvoiceLine
    extra = 0


@admin.register(Invoice)
class InvoiceAdmin(ReadOnly, ModelAdmin):
    list_display = ["number", "organisation", "period_start", "total_micros", "total_minor", "currency", "closed_at"]
    list_filter = ["period_start", "currency"]
    search_fields = ["number", "organisation__slug"]
    inlines = [LineInline]


@admin.register(TopUp)
class TopUpAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "organisation", "amount_micros", "currency", "state", "created_at", "paid_at"]
    list_filter = ["state"]
    search_fields = ["id", "organisation__slug", "checkout_session"]


@admin.register(StripePush)
class StripePushAdmin(ReadOnly, ModelAdmin):
    list_display = ["identifier", "organisation", "meter", "hour", "sequence", "amount_micros", "state", "last_error"]
    list_filter = ["state", "meter"]
    search_fields = ["identifier", "organisation__slug"]


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnly, ModelAdmin):
    list_display = ["organisation", "stripe_id", "created_at"]
    search_fields = ["organisation__slug", "stripe_id"]
