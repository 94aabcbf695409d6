"""Form of a webhook."""

from typing import Any

from django import forms

from apps.accounts.service_form import ServiceForm
from apps.webhooks.rules import KINDS


class WebhookForm(ServiceForm):
    url = forms.CharField(
        max_length=500,
        label="Address",
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/modelyard"}),
        help_text="A public https address. We send a POST and expect any 2xx within five seconds.",
    )
    description = forms.CharField(max_length=120, required=False, label="What it is for")
    kinds = forms.MultipleChoiceField(
        required=False,
        label="Events",
        help_text="Choose none to hear of everything.",
        choices=[(kind, f"{text} ({kind})") for kind, text in KINDS.items() if kind != "ping"],
        widget=forms.CheckboxSelectMultiple,
    )

    def service_arguments(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("url", "description", "kinds")}
