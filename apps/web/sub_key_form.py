"""The form of a sub-key's terms: several rate windows, concurrency, quota, budget, end."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms

from apps.accounts.models import ApiKey
from apps.accounts.service_form import ServiceForm

MICROS = 1_000_000
WINDOWS = (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86_400))
_MOST = 1_000_000_000


class KeyTermsForm(ServiceForm):
    """`service_arguments` for change_api_key; `quota` and `budget_micros` for limit_key."""

    name = forms.CharField(max_length=80, label="Name", help_text="Who uses it. Its user sees this name too.")
    per_second = forms.IntegerField(required=False, min_value=1, max_value=_MOST, label="Rows a second")
    per_minute = forms.IntegerField(required=False, min_value=1, max_value=_MOST, label="Rows a minute")
    per_hour = forms.IntegerField(required=False, min_value=1, max_value=_MOST, label="Rows an hour")
    per_day = forms.IntegerField(required=False, min_value=1, max_value=_MOST, label="Rows a day")
    max_concurrency = forms.IntegerField(required=False, min_value=1, max_value=10_000, label="Requests at once")
    monthly_predictions = forms.IntegerField(
        required=False, min_value=0, max_value=10**15, label="Predictions a month", help_text="Calendar month, UTC."
    )
    budget = forms.DecimalField(
        required=False, min_value=0, max_value=1_000_000, decimal_places=6, label="Budget a month"
    )
    expires_on = forms.DateField(
        required=False, label="Last day", widget=forms.DateInput(attrs={"type": "date"}), help_text="UTC."
    )

    @classmethod
    def terms_of(cls, key: ApiKey, quota: int | None, budget_micros: int | None) -> dict[str, Any]:
        """What the form shows of a key as it is."""
        rates = {f"per_{word}": p["quota"] for p in key.policies for word, span in WINDOWS if p["window_s"] == span}
        return {
            "name": key.name,
            **rates,
            "max_concurrency": key.max_concurrency,
            "monthly_predictions": quota,
            "budget": budget_micros / MICROS if budget_micros is not None else None,
            "expires_on": (key.expires_at - timedelta(microseconds=1)).date() if key.expires_at else None,
        }

    def budget_micros(self) -> int | None:
        budget = self.cleaned_data["budget"]
        return None if budget is None else int(budget * MICROS)

    def policies(self, kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One policy per window; those of other windows, made over REST, stay as they are."""
        others = [policy for policy in kept if policy["window_s"] not in dict(WINDOWS).values()]
        asked = [(word, span, self.cleaned_data[f"per_{word}"]) for word, span in WINDOWS]
        return others + [
            {"name": word, "quota": quota, "window_s": span, "burst": 0} for word, span, quota in asked if quota
        ]

    def service_arguments(self, kept: list[dict[str, Any]]) -> dict[str, Any]:
        last = self.cleaned_data["expires_on"]
        end = datetime.combine(last, time.min, tzinfo=UTC) + timedelta(days=1) if last else None
        return {
            "name": self.cleaned_data["name"],
            "policies": self.policies(kept),
            "max_concurrency": self.cleaned_data["max_concurrency"],
            "expires_at": end,
        }


class SubKeyForm(KeyTermsForm):
    """The same for a new one, with the endpoints it may call."""

    endpoints = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Only these endpoints",
        help_text="Leave all unticked for every endpoint of the parent key.",
    )

    def __init__(self, *args: Any, endpoints: list[tuple[str, str]], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["endpoints"].choices = endpoints  # type: ignore[attr-defined]
        if not endpoints:
            del self.fields["endpoints"]
