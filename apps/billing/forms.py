"""Forms of the billing pages."""

from decimal import Decimal
from typing import Any

from django import forms

from apps.accounts.service_form import ServiceForm

MICROS = 1_000_000


class TopUpForm(ServiceForm):
    amount = forms.DecimalField(
        min_value=1, max_value=10_000, decimal_places=2, initial=Decimal("20"), label="Amount", localize=False
    )

    def amount_micros(self) -> int:
        return int(self.cleaned_data["amount"] * MICROS)


class BudgetForm(ServiceForm):
    name = forms.CharField(max_length=80, label="Name", widget=forms.TextInput(attrs={"placeholder": "Staging"}))
    what = forms.ChoiceField(label="Applies to")
    limit = forms.DecimalField(min_value=0, max_value=1_000_000, decimal_places=6, label="Limit")
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
