"""Credit by code and by itself: redeem, save a card, set the automatic top-up, Stripe's portal."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.models import Organisation
from apps.billing.forms import MICROS, AutoTopUpForm, CodeForm
from apps.billing.services.redeem_code import redeem_code
from apps.billing.services.set_auto_top_up import (
    auto_top_up_of,
    open_portal,
    set_auto_top_up,
    start_card_setup,
    take_card,
)
from apps.ledger.currencies import currency_of


@require_POST
@needs("billing")
def redeem(request: OrganisationRequest, organisation: str) -> HttpResponse:
    form = CodeForm(request.POST)
    if form.is_valid():
        promo = form.submit(lambda: redeem_code(request.organisation, form.cleaned_data["code"], by=request.user))
        if promo:
            messages.success(request, f"The code is redeemed; its credit lasts {promo.credit_days} days.")
    for errors in form.errors.values():
        messages.error(request, " ".join(str(error) for error in errors))
    return redirect("billing:credit", organisation)


@needs("billing")
def automatic(request: OrganisationRequest, organisation: str) -> HttpResponse:
    """The settings; back from Stripe's page the saved card is taken over."""
    tenant = request.organisation
    if request.GET.get("card") == "saved" and take_card(tenant):
        messages.success(request, "The card is saved.")
    form = AutoTopUpForm(request.POST or None, initial=_initial(tenant))
    if request.method == "POST" and form.is_valid():
        done = form.submit(lambda: set_auto_top_up(tenant, **form.service_arguments(), by=request.user))
        if done:
            messages.success(request, "Automatic top-up is on." if done.is_on else "Automatic top-up is off.")
            return redirect("billing:auto-top-up", organisation)
    context = {"tab": "credit", "form": form, "auto": auto_top_up_of(tenant)}
    return render(request, "billing/auto_top_up.html", context)


def _initial(tenant: Organisation) -> dict[str, object]:
    row = auto_top_up_of(tenant)
    if not row.amount_micros:
        units = currency_of(tenant.currency).proposed_units
        return {"threshold": units // 4, "amount": units, "monthly_cap": units * 10}
    return {
        "is_on": row.is_on,
        "threshold": row.threshold_micros / MICROS,
        "amount": row.amount_micros // MICROS,
        "monthly_cap": row.monthly_cap_micros // MICROS,
    }


@require_POST
@needs("billing")
def save_card(request: OrganisationRequest, organisation: str) -> HttpResponse:
    back = request.build_absolute_uri(reverse("billing:auto-top-up", args=[organisation]))
    return redirect(start_card_setup(request.organisation, return_url=back))


@require_POST
@needs("billing")
def portal(request: OrganisationRequest, organisation: str) -> HttpResponse:
    back = request.build_absolute_uri(reverse("billing:auto-top-up", args=[organisation]))
    return redirect(open_portal(request.organisation, return_url=back))
