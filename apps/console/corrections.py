"""Console pages where one operator asks for a correction of a customer's money and another one decides."""

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from apps.accounts.models import User
from apps.billing.models import Correction, Invoice, TopUp
from apps.billing.services.correct_by_operator import (
    CREDIT_NOTE,
    REFUND,
    REISSUE,
    ask_for_correction,
    decide_correction,
)
from contracts.problems import Problem

_MICROS = 1_000_000
_TITLES = {REFUND: "Pay a payment back", CREDIT_NOTE: "Credit note over a part", REISSUE: "Void and write again"}
_EFFECTS = {
    REFUND: "Unused credit of this payment leaves the wallet and Stripe pays it back.",
    CREDIT_NOTE: "The credit is there at once; the open month's invoice shows it as a negative line.",
    REISSUE: "A credit note over all of it, and a new edition with the present billing details and the same money.",
}


class CorrectionForm(forms.Form):
    amount = forms.DecimalField(min_value=Decimal("0.000001"), decimal_places=6, widget=UnfoldAdminDecimalFieldWidget())
    reason = forms.CharField(max_length=300, widget=UnfoldAdminTextInputWidget(), help_text="The customer reads it.")

    def __init__(self, *args: Any, kind: str, **named: Any) -> None:
        super().__init__(*args, **named)
        if kind == REISSUE:
            del self.fields["amount"]

    def amount_micros(self) -> int:
        return int(self.cleaned_data.get("amount", 0) * _MICROS)


def corrections(request: HttpRequest) -> HttpResponse:
    rows = Correction.objects.select_related("organisation", "asked_by", "decided_by").order_by("-asked_at")
    context = {"open": rows.filter(state="asked"), "decided": rows.exclude(state="asked")[:100]}
    return _page(request, "console/corrections.html", "Corrections", context)


def ask(request: HttpRequest, kind: str, subject: str) -> HttpResponse:
    found = _subject(kind, subject)
    form = CorrectionForm(request.POST or None, kind=kind)
    if request.method == "POST" and form.is_valid():
        try:
            ask_for_correction(
                kind,
                found,
                amount_micros=form.amount_micros(),
                reason=form.cleaned_data["reason"],
                by=cast(User, request.user),
            )
        except Problem as problem:
            form.add_error(None, problem.detail)
        else:
            messages.success(request, "Asked. Another operator has to agree.")
            return redirect("console-corrections")
    context = {"form": form, "subject": found, "effect": _EFFECTS[kind], "kind": kind}
    return _page(request, "console/correction_new.html", _TITLES[kind], context)


@require_POST
def decide(request: HttpRequest, correction_id: str) -> HttpResponse:
    asked = get_object_or_404(Correction, pk=correction_id)
    agree = request.POST.get("decision") == "agree"
    try:
        done = decide_correction(asked, agree=agree, by=cast(User, request.user))
    except Problem as problem:
        messages.error(request, problem.detail or problem.failure.title)
    else:
        messages.success(request, f"Done: {done.outcome}." if agree else "Refused.")
    return redirect("console-corrections")


def _subject(kind: str, subject: str) -> TopUp | Invoice:
    if kind not in _TITLES:
        raise Http404
    if kind == REFUND:
        return get_object_or_404(TopUp.objects.select_related("organisation"), pk=subject)
    return get_object_or_404(Invoice.objects.select_related("organisation"), pk=subject)


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), "title": title, **context})
