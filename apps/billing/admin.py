"""Operators read everything about money; what they may do is a service with a name, a reason and an audit line."""

from typing import Any

import stripe
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from apps.accounts.services.record_audit import record_audit
from apps.billing.models import (
    AutoTopUp,
    CreditNote,
    CreditRequest,
    Invoice,
    InvoiceLine,
    Plan,
    PromoCode,
    ReconcileRun,
    StripeCustomer,
    StripeDocument,
    StripeObject,
    StripePush,
    StripeSettlement,
    StripeSubscription,
    Subscription,
    TopUp,
    WebhookEvent,
)
from apps.billing.services.cancel_push import cancel_push
from apps.billing.services.close_account import close_account, open_account_again
from apps.billing.services.grant_by_operator import ask_for_credit, decide_credit
from apps.billing.services.receive_webhook import apply_event
from apps.billing.services.resolve_frozen import resolve_frozen
from apps.ledger.admin import ReadOnly
from contracts.problems import Problem


class LineInline(ReadOnly, TabularInline):
    model = InvoiceLine
    extra = 0


@admin.register(Invoice)
class InvoiceAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "number",
        "organisation",
        "period_start",
        "edition",
        "total_micros",
        "total_minor",
        "currency",
        "closed_at",
        "voided_at",
    ]
    list_filter = ["period_start", "currency"]
    search_fields = ["number", "organisation__slug"]
    inlines = [LineInline]
    actions_detail = ["credit_note", "reissue"]

    @action(description="Credit note over a part")
    def credit_note(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("console-correction-ask", "credit_note", object_id)

    @action(description="Void and write again")
    def reissue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("console-correction-ask", "reissue", object_id)


@admin.register(CreditNote)
class CreditNoteAdmin(ReadOnly, ModelAdmin):
    list_display = ["number", "organisation", "invoice", "amount_micros", "currency", "is_void", "created_at"]
    search_fields = ["number", "organisation__slug"]


@admin.register(CreditRequest)
class CreditRequestAdmin(ModelAdmin):
    """Add one to ask; another operator chooses it and agrees."""

    list_display = ["organisation", "amount_micros", "reason", "state", "asked_by", "asked_at", "decided_by"]
    list_filter = ["state"]
    fields = ["organisation", "amount_micros", "reason", "expires_at"]
    actions = ["grant", "refuse"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: CreditRequest, form: Any, change: bool) -> None:
        made = ask_for_credit(
            obj.organisation,
            amount_micros=obj.amount_micros,
            reason=obj.reason,
            expires_at=obj.expires_at,
            by=request.user,  # type: ignore[arg-type]
        )
        obj.pk, obj.asked_by = made.pk, made.asked_by
        obj._state.adding = False

    @admin.action(description="Agree: give the credit", permissions=["change"])
    def grant(self, request: HttpRequest, asked: QuerySet[CreditRequest]) -> None:
        for one in asked:
            _told(request, lambda: decide_credit(one, grant=True, by=request.user))  # type: ignore[arg-type]  # noqa: B023

    @admin.action(description="Refuse", permissions=["change"])
    def refuse(self, request: HttpRequest, asked: QuerySet[CreditRequest]) -> None:
        for one in asked:
            _told(request, lambda: decide_credit(one, grant=False, by=request.user))  # type: ignore[arg-type]  # noqa: B023


@admin.register(Plan)
class PlanAdmin(ModelAdmin):
    """A plan is superseded by a later version; rows never change."""

    list_display = ["title", "name", "currency", "fee_micros", "included_micros", "commitment_micros", "effective_from"]
    list_filter = ["name", "currency"]
    exclude = ["created_by"]
    ordering = ["rank", "name", "-effective_from"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
        _audited(request, "plan.version", obj.pk, {"name": obj.name, "fee_micros": obj.fee_micros})


@admin.register(PromoCode)
class PromoCodeAdmin(ModelAdmin):
    list_display = ["code", "amount_micros", "currency", "redemptions", "most_redemptions", "valid_until"]
    readonly_fields = ["redemptions"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: PromoCode, form: Any, change: bool) -> None:
        obj.code = obj.code.strip().upper()
        super().save_model(request, obj, form, change)
        _audited(request, "promo.create", obj.code, {"amount_micros": obj.amount_micros})


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnly, ModelAdmin):
    list_display = ["organisation", "plan", "state", "renews_at", "next_plan", "past_due_since"]
    list_filter = ["state", "plan__name"]
    search_fields = ["organisation__slug"]
    actions = ["close", "open_again"]

    @admin.action(description="Close the chosen accounts; the rest of the fee comes back", permissions=["view"])
    def close(self, request: HttpRequest, rows: QuerySet[Subscription]) -> None:
        for row in rows:
            _told(request, lambda: close_account(row.organisation, by=request.user))  # type: ignore[arg-type]  # noqa: B023

    @admin.action(description="Open the chosen accounts again", permissions=["view"])
    def open_again(self, request: HttpRequest, rows: QuerySet[Subscription]) -> None:
        for row in rows:
            _told(request, lambda: open_account_again(row.organisation, by=request.user))  # type: ignore[arg-type]  # noqa: B023


@admin.register(TopUp)
class TopUpAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "id",
        "organisation",
        "amount_micros",
        "refunded_micros",
        "currency",
        "state",
        "is_automatic",
        "created_at",
        "paid_at",
        "disputed_at",
    ]
    list_filter = ["state", "is_automatic"]
    search_fields = ["id", "organisation__slug", "checkout_session", "payment_intent"]
    actions_detail = ["refund"]

    @action(description="Pay back")
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("console-correction-ask", "refund", object_id)


@admin.register(AutoTopUp)
class AutoTopUpAdmin(ReadOnly, ModelAdmin):
    list_display = ["organisation", "is_on", "threshold_micros", "amount_micros", "monthly_cap_micros", "failures"]
    list_filter = ["is_on"]


@admin.register(StripePush)
class StripePushAdmin(ReadOnly, ModelAdmin):
    list_display = ["identifier", "organisation", "meter", "hour", "sequence", "amount_micros", "state", "last_error"]
    list_filter = ["state", "meter"]
    search_fields = ["identifier", "organisation__slug"]
    actions = ["compare", "take_back"]

    @admin.action(description="Compare frozen pushes with Stripe's own sums now", permissions=["view"])
    def compare(self, request: HttpRequest, pushes: QuerySet[StripePush]) -> None:
        settled = resolve_frozen()
        left = StripePush.objects.filter(state="frozen").count()
        _audited(request, "stripe.compare", "", {"settled": settled})
        messages.success(request, f"{settled} hours are settled by Stripe's sums; {left} pushes are still frozen.")

    @admin.action(description="Take back at Stripe (within a day); what is due is told anew", permissions=["view"])
    def take_back(self, request: HttpRequest, pushes: QuerySet[StripePush]) -> None:
        done = 0
        for push in pushes:
            try:
                done += cancel_push(push, by=request.user)  # type: ignore[arg-type]
            except Problem as problem:
                messages.error(request, f"{push}: {problem.detail}")
        messages.success(request, f"{done} of {len(pushes)} taken back.")


@admin.register(StripeSettlement)
class StripeSettlementAdmin(ReadOnly, ModelAdmin):
    """What became of frozen pushes, without anybody's help."""

    list_display = [
        "at",
        "organisation",
        "meter",
        "hour",
        "counted_micros",
        "confirmed_micros",
        "frozen_micros",
        "outcome",
    ]
    list_filter = ["outcome", "meter"]
    search_fields = ["organisation__slug"]
    ordering = ["-at"]


@admin.register(StripeSubscription)
class StripeSubscriptionAdmin(ReadOnly, ModelAdmin):
    list_display = ["organisation", "stripe_id", "told", "told_at", "last_error"]
    search_fields = ["organisation__slug", "stripe_id"]


@admin.register(StripeDocument)
class StripeDocumentAdmin(ReadOnly, ModelAdmin):
    list_display = ["organisation", "invoice", "note", "amount_minor", "currency", "state", "stripe_id", "last_error"]
    list_filter = ["state", "currency"]
    search_fields = ["organisation__slug", "stripe_id", "invoice__number", "note__number"]


@admin.register(StripeObject)
class StripeObjectAdmin(ReadOnly, ModelAdmin):
    list_display = ["key", "stripe_id", "made_at"]
    search_fields = ["key", "stripe_id"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "kind", "received_at", "attempts", "applied_at", "had_effect", "last_error"]
    list_filter = ["kind", "had_effect"]
    search_fields = ["id"]
    ordering = ["-received_at"]
    actions = ["replay"]

    @admin.action(description="Let the chosen webhooks run again", permissions=["view"])
    def replay(self, request: HttpRequest, events: QuerySet[WebhookEvent]) -> None:
        effects = 0
        for event in events:
            try:
                effects += apply_event(event.payload)
            except stripe.StripeError as error:
                messages.error(request, f"{event.pk}: {error}")
        _audited(request, "stripe.replay", "", {"events": [event.pk for event in events]})
        messages.success(request, f"{effects} of {len(events)} had an effect; the others had had it before.")


@admin.register(ReconcileRun)
class ReconcileRunAdmin(ReadOnly, ModelAdmin):
    list_display = ["at", "compared", "difference_count", "took_ms"]
    ordering = ["-pk"]

    @admin.display(description="differences")
    def difference_count(self, run: ReconcileRun) -> int:
        return len(run.differences)


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnly, ModelAdmin):
    list_display = ["organisation", "stripe_id", "created_at"]
    search_fields = ["organisation__slug", "stripe_id"]


def _told(request: HttpRequest, call: Any) -> None:
    """Run one service and tell the operator what came of it."""
    try:
        done = call()
    except Problem as problem:
        messages.error(request, f"{problem.failure.title}. {problem.detail}")
        return
    messages.success(request, f"Done: {done}")


def _audited(request: HttpRequest, action: str, subject: str, details: dict[str, Any]) -> None:
    record_audit(None, actor=request.user, action=action, subject=subject, details=details)  # type: ignore[arg-type]
