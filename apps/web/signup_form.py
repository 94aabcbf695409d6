"""The extra field of the sign-up page: the name of the organisation the newcomer starts with."""

from typing import Any

from django import forms

from apps.billing.forms import currency_choices
from apps.billing.services.open_account import open_account


class OrganisationSignupForm(forms.Form):
    organisation = forms.CharField(
        max_length=120, label="Organisation", help_text="Your team or company. It owns data, models and the bill."
    )
    currency = forms.ChoiceField(required=False, label="Currency", help_text="Of prices, credit and invoices.")
    field_order = ["email", "organisation", "currency", "password1", "password2"]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["currency"].choices = currency_choices()  # type: ignore[attr-defined]

    def signup(self, request: object, user: Any) -> None:
        """Called by allauth once the user row exists; whoever is invited elsewhere still gets a place of their own."""
        open_account(self.cleaned_data["organisation"], owner=user, currency=self.cleaned_data.get("currency") or "")
