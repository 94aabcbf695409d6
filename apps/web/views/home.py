"""Where a signed-in person lands, and how they start another organisation."""

from typing import cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.models import User
from apps.accounts.queries import first_membership_of
from apps.billing.forms import CurrencyForm
from apps.billing.services.open_account import open_account


class OrganisationForm(CurrencyForm):
    name = forms.CharField(
        max_length=120, label="Name", help_text="Your team's or company's name. It can be changed later."
    )
    field_order = ("name", "currency")


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The organisation that was open last, else the first."""
    membership = first_membership_of(request.user)  # type: ignore[arg-type]
    if membership is None:
        return redirect("organisation-new")
    return redirect("overview", membership.organisation.slug)


@login_required
def new_organisation(request: HttpRequest) -> HttpResponse:
    form = OrganisationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        organisation = open_account(
            form.cleaned_data["name"], owner=cast(User, request.user), currency=form.cleaned_data["currency"]
        )
        messages.success(request, f"{organisation.name} is ready.")
        return redirect("overview", organisation.slug)
    return render(request, "web/organisation_new.html", {"form": form})
