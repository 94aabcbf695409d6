"""The form that makes an API key; it names endpoints, so it lives above both stages."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from apps.accounts.service_form import ServiceForm
from contracts.keys import SCOPES
from contracts.serving import RatePolicy

_SCOPE_WORDS = {
    "predict": "predict: call endpoints on the data plane",
    "read": "read: list and read everything of the organisation",
    "write": "write: upload, train, deploy",
    "billing": "billing: invoices, budgets, credit",
    "admin": "admin: members and keys",
}
_LIVES = [("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "Never")]


class KeyForm(ServiceForm):
    name = forms.CharField(max_length=80, help_text="Where it is used, such as “checkout service”. Only you see it.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope, _SCOPE_WORDS[scope]) for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple,
        initial=["predict"],
        label="What it may do",
    )
    endpoints = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Only these endpoints",
        help_text="Leave all unticked for every endpoint, also future ones.",
    )
    quota = forms.IntegerField(required=False, min_value=1, max_value=1_000_000_000, label="At most this many rows …")
    window_s = forms.TypedChoiceField(
        coerce=int,
        required=False,
        choices=[(1, "per second"), (60, "per minute"), (3600, "per hour"), (86_400, "per day")],
        initial=60,
        label="… in this time",
    )
    lives_days = forms.ChoiceField(choices=_LIVES, initial="90", required=False, label="Expires after")

    def __init__(self, *args: Any, endpoints: list[tuple[str, str]], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["endpoints"].choices = endpoints  # type: ignore[attr-defined]
        if not endpoints:
            del self.fields["endpoints"]

    def service_arguments(self) -> dict[str, Any]:
        """What create_api_key takes."""
        data = self.cleaned_data
        policies = (
            [RatePolicy(name="key", quota=data["quota"], window_s=data["window_s"] or 60)] if data["quota"] else []
        )
        return {
            "name": data["name"],
            "scopes": data["scopes"],
            "endpoints": data.get("endpoints") or None,
            "policies": policies,
            "expires_at": timezone.now() + timedelta(days=int(data["lives_days"])) if data["lives_days"] else None,
        }
