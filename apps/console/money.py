"""Pages of the operator console about money: revenue and margin, price preview, account statement."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.accounts.models import Organisation
from apps.console.money_queries import account_statement, earned_by_organisation, earned_by_pool, month_under
from apps.ledger.tiers import MODES, Tier, read_tiers, tiers_objection
from apps.metering.rules import month_of, month_start
from contracts.usage import METER_BATCH_ROWS, METER_PREDICTIONS, METER_TRAINING_SECONDS

_METERS = (METER_PREDICTIONS, METER_BATCH_ROWS, METER_TRAINING_SECONDS)


class PreviewForm(forms.Form):
    """A price to try on last month: one price, or tiers."""

    meter = forms.ChoiceField(choices=[(meter, meter) for meter in _METERS], widget=UnfoldAdminSelectWidget())
    dimension = forms.CharField(max_length=40, required=False, initial="realtime", widget=UnfoldAdminTextInputWidget())
    currency = forms.CharField(max_length=3, initial="USD", widget=UnfoldAdminTextInputWidget())
    unit_price_micros = forms.IntegerField(min_value=0, required=False, widget=UnfoldAdminIntegerFieldWidget())
    mode = forms.ChoiceField(choices=[(mode, mode) for mode in MODES], widget=UnfoldAdminSelectWidget())
    tiers = forms.JSONField(
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text='Instead of one price: [{"up_to": 1000, "unit_price_micros": 0}, {"up_to": null, …}]',
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            tiers = read_tiers(data["tiers"]) if data.get("tiers") else [Tier(None, data["unit_price_micros"])]
            objection = tiers_objection(tiers)
        except (KeyError, TypeError):
            tiers, objection = [], "write a price, or tiers as in the example"
        if objection:
            raise forms.ValidationError(objection)
        return {**data, "ladder": tiers}


def revenue(request: HttpRequest) -> HttpResponse:
    this = month_of(timezone.now())
    last = month_of(month_start(this) - timedelta(days=1))
    months = [
        {"month": month, "organisations": earned_by_organisation(month)[:50], "pools": earned_by_pool(month)}
        for month in (this, last)
    ]
    return _page(request, "console/revenue.html", "Revenue and margin", {"months": months})


def preview(request: HttpRequest) -> HttpResponse:
    form = PreviewForm(request.GET if "meter" in request.GET else None)
    last = month_of(month_start(month_of(timezone.now())) - timedelta(days=1))
    context: dict[str, Any] = {"form": form, "month": last}
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        rows = month_under(
            last,
            meter=data["meter"],
            dimension=data["dimension"],
            currency=data["currency"],
            tiers=data["ladder"],
            mode=data["mode"],
        )
        context |= {
            "rows": rows,
            "currency": data["currency"],
            "was": sum(row.was_micros for row in rows),
            "would_be": sum(row.would_be_micros for row in rows),
        }
    return _page(request, "console/price_preview.html", "Last month under another price", context)


def statement(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = get_object_or_404(Organisation, slug=slug)
    context = {"account": organisation, "rows": account_statement(organisation)}
    return _page(request, "console/statement.html", f"Statement of {organisation.name}", context)


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), "title": title, **context})
