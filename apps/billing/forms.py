"""Forms of the billing pages."""

from decimal import Decimal
from typing import Any

from django import forms

from apps.accounts.service_form import ServiceForm
from apps.billing.services.change_currency import offered_currencies
from apps.billing.services.change_profile import TAX_ID_TYPES
from apps.ledger.currencies import currency_of, minor_digits

MICROS = 1_000_000


def currency_choices() -> list[tuple[str, str]]:
    return [(code, f"{currency_of(code).name} ({code})") for code in offered_currencies()]


class TopUpForm(ServiceForm):
    amount = forms.DecimalField(label="Amount", localize=False)

    def __init__(self, *args: Any, currency: str, **named: Any) -> None:
        super().__init__(*args, **named)
        bounds = currency_of(currency)
        self.fields["amount"] = forms.DecimalField(
            min_value=Decimal(bounds.least_micros) / MICROS,
            max_value=Decimal(bounds.most_micros) / MICROS,
            decimal_places=minor_digits(currency),
            initial=Decimal(bounds.proposed_units),
            label="Amount",
            localize=False,
        )

    def amount_micros(self) -> int:
        return int(self.cleaned_data["amount"] * MICROS)


class ProfileForm(ServiceForm):
    legal_name = forms.CharField(max_length=160, required=False, label="Legal name")
    email = forms.EmailField(required=False, label="E-mail for invoices")
    line1 = forms.CharField(max_length=160, required=False, label="Address")
    line2 = forms.CharField(max_length=160, required=False, label="Address, second line")
    postal_code = forms.CharField(max_length=20, required=False, label="Postal code")
    city = forms.CharField(max_length=80, required=False, label="City")
    country = forms.CharField(max_length=2, required=False, label="Country", help_text="Two letters, like DE.")
    tax_id_type = forms.ChoiceField(
        choices=[("", "none"), *((kind, kind.replace("_", " ").upper()) for kind in TAX_ID_TYPES)],
        required=False,
        label="Kind of tax number",
    )
    tax_id = forms.CharField(max_length=40, required=False, label="Tax number")
    purchase_order = forms.CharField(max_length=60, required=False, label="Your order number")


class CurrencyForm(ServiceForm):
    currency = forms.ChoiceField(
        label="Currency",
        required=False,
        help_text="Of prices, credit and invoices. It can be changed until the first thing that costs.",
    )

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["currency"].choices = currency_choices()  # type: ignore[attr-defined]


class CodeForm(ServiceForm):
    code = forms.CharField(max_length=40, label="Code")


class AutoTopUpForm(ServiceForm):
    is_on = forms.BooleanField(required=False, label="Buy credit by itself")
    threshold = forms.DecimalField(min_value=0, max_value=10_000_000, decimal_places=3, label="When less is left than")
    amount = forms.DecimalField(min_value=1, max_value=10_000_000, decimal_places=0, label="Buy")
    monthly_cap = forms.DecimalField(min_value=1, max_value=100_000_000, decimal_places=0, label="At most in a month")

    def service_arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        amounts = {f"{name}_micros": int(data[name] * MICROS) for name in ("threshold", "amount", "monthly_cap")}
        return {"is_on": data["is_on"], **amounts}


class BudgetForm(ServiceForm):
    name = forms.CharField(max_length=80, label="Name", widget=forms.TextInput(attrs={"placeholder": "Staging"}))
    what = forms.ChoiceField(label="Applies to")
    limit = forms.DecimalField(min_value=0, max_value=1_000_000_000, decimal_places=6, label="Limit")
    period = forms.ChoiceField(choices=[("month", "each calendar month"), ("total", "in total")], label="Counted")
    is_hard = forms.TypedChoiceField(
        coerce=lambda value: value == "hard",
        choices=[
            ("hard", "Stop at the limit (402, cannot be overspent)"),
            ("soft", "Only tell us at 50, 75, 90 and 100 %"),
        ],
        widget=forms.RadioSelect,
        initial="hard",
        label="At the limit",
    )

    def __init__(self, *args: Any, what: list[tuple[str, Any]], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["what"].choices = what  # type: ignore[attr-defined]

    def service_arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        scope, _, scope_id = data["what"].partition(":")
        return {
            "name": data["name"],
            "scope": scope,
            "scope_id": scope_id,
            "limit_micros": int(data["limit"] * MICROS),
            "period": data["period"],
            "is_hard": data["is_hard"],
        }
