"""The bill: one number, where it comes from, the credit that pays it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.models import Organisation
from apps.billing.forms import TopUpForm
from apps.billing.models import TopUp
from apps.billing.services.draft_invoice import draft_invoice
from apps.billing.services.settle_top_up import refresh_top_up
from apps.billing.services.start_top_up import start_top_up
from apps.ledger.queries import lots_left, statement_of
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.naming import named
from apps.metering.queries import usage_by
from apps.metering.rules import month_after

_LINES = 12


@needs("read")
def overview(request: OrganisationRequest, organisation: str) -> HttpResponse:
    tenant = request.organisation
    draft = draft_invoice(tenant)
    start, end = _midnight(draft.period_start), _midnight(month_after(draft.period_start))
    context: dict[str, Any] = {
        "tab": "overview",
        "draft": draft,
        "lines": sorted(draft.lines, key=lambda line: -line.amount_micros)[:_LINES],
        "more_lines": max(0, len(draft.lines) - _LINES),
        "days": _days(tenant, start, end),
        "by_endpoint": _grouped(tenant, "endpoint", start, end),
        "by_key": _grouped(tenant, "key", start, end),
        "wallet": credit_wallet(tenant),
    }
    return render(request, "billing/overview.html", context)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _days(tenant: Organisation, start: datetime, end: datetime) -> list[tuple[date, int]]:
    by_day: dict[date, int] = {}
    for row in usage_by(tenant, start=start, end=end, group_by=("day",)):
        by_day[row["day"]] = by_day.get(row["day"], 0) + row["amount_micros"]
    days = (start.date() + timedelta(days=n) for n in range((end - start).days))
    return [(day, by_day.get(day, 0)) for day in days] if by_day else []


def _grouped(tenant: Organisation, group: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
    totals: dict[str, int] = {}
    for row in usage_by(tenant, start=start, end=end, group_by=(group,)):
        totals[row[group]] = totals.get(row[group], 0) + row["amount_micros"]
    names = named(tenant, group, totals)
    most = max(totals.values(), default=0) or 1
    ranked = sorted(totals.items(), key=lambda pair: -pair[1])
    return [
        {"name": names.get(key, key) or "Training and others", "micros": micros, "share": max(0, micros) / most}
        for key, micros in ranked
        if key
    ][:10]


@needs("read")
def credit(request: OrganisationRequest, organisation: str) -> HttpResponse:
    _settle(request)
    return _credit_page(request, TopUpForm(currency=request.organisation.currency))


def _settle(request: OrganisationRequest) -> None:
    """Back from the payment page: look at once whether it was paid instead of waiting for the webhook."""
    top_up = TopUp.objects.of(request.organisation).filter(pk=request.GET.get("top_up", ""), state="pending").first()
    if top_up is not None and refresh_top_up(top_up).state == "paid":
        messages.success(request, "Thank you. The payment has arrived and the credit is yours.")


def _credit_page(request: OrganisationRequest, form: TopUpForm) -> HttpResponse:
    tenant = request.organisation
    context = {
        "tab": "credit",
        "wallet": credit_wallet(tenant),
        "entries": statement_of(tenant).order_by("-id")[:50],
        "top_ups": TopUp.objects.of(tenant).order_by("-id")[:10],
        "form": form,
        "lots": lots_left(tenant),
    }
    return render(request, "billing/credit.html", context)


@require_POST
@needs("billing")
def top_up(request: OrganisationRequest, organisation: str) -> HttpResponse:
    form = TopUpForm(request.POST, currency=request.organisation.currency)
    if form.is_valid():
        back = request.build_absolute_uri(reverse("billing:credit", args=[organisation]))
        started = form.submit(
            lambda: start_top_up(request.organisation, amount_micros=form.amount_micros(), return_url=back)
        )
        if started:
            return redirect(started.checkout_url)
    return _credit_page(request, form)
