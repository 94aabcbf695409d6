"""Forms of the endpoint and batch pages."""

from typing import Any

from django import forms
from django.utils.text import slugify

from apps.accounts.service_form import ServiceForm
from apps.endpoints.models import Endpoint
from apps.endpoints.rules import NAME_PATTERN
from apps.registry.models import ModelVersion

WINDOWS = [(1, "per second"), (60, "per minute"), (3600, "per hour"), (86_400, "per day")]
_SHARES = [
    ("100", "All of the traffic"),
    ("50", "Half of it (A/B)"),
    ("10", "10 % (canary)"),
    ("1", "1 % (careful canary)"),
]


class EndpointForm(ServiceForm):
    model_version = forms.ChoiceField(label="Model version")
    name = forms.CharField(
        max_length=60,
        help_text="Part of the address that programs call: lower-case letters, digits, hyphens. It cannot be changed.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )
    latency_class = forms.ChoiceField(
        choices=[("realtime", "realtime"), ("batch", "batch")],
        initial="realtime",
        widget=forms.RadioSelect,
        label="Pace",
    )

    def __init__(self, *args: Any, versions: list[ModelVersion], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["model_version"].choices = version_choices(versions)  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip()
        if not NAME_PATTERN.fullmatch(name):
            raise forms.ValidationError(
                f"Use lower-case letters, digits and inner hyphens, such as “{slugify(name) or 'my-model'}”."
            )
        return name


class DeployForm(ServiceForm):
    model_version = forms.ChoiceField(label="Version to let in")
    share = forms.ChoiceField(choices=_SHARES, label="How much it gets")
    force = forms.BooleanField(
        required=False,
        label="Also if present callers could not call it",
        help_text="Without this, a version whose columns or classes differ is refused.",
    )

    def __init__(self, *args: Any, versions: list[ModelVersion], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["model_version"].choices = version_choices(versions)  # type: ignore[attr-defined]


class LimitForm(forms.Form):
    name = forms.RegexField(
        r"^[A-Za-z0-9_-]{1,40}$", label="Name", error_messages={"invalid": "Use letters, digits, - and _."}
    )
    quota = forms.IntegerField(min_value=1, max_value=10**9, label="Rows")
    window_s = forms.TypedChoiceField(coerce=int, choices=WINDOWS, initial=60, label="In")
    burst = forms.IntegerField(
        required=False, min_value=0, max_value=10**9, label="At once", help_text="empty: the same"
    )


LimitFormSet = forms.formset_factory(LimitForm, extra=1, can_delete=True, max_num=8, validate_max=True)


class PaceForm(ServiceForm):
    slo_ms = forms.FloatField(
        min_value=1,
        max_value=600_000,
        label="Answer within (ms)",
        help_text="How long requests may wait to share a batch follows from it.",
    )


class BatchForm(ServiceForm):
    endpoint = forms.ChoiceField(label="Endpoint", help_text="Its main deployment predicts.")
    file = forms.FileField(
        label="File",
        error_messages={"required": "Choose a file."},
        help_text="CSV or JSON lines with the model's columns, or a ZIP of images.",
        widget=forms.FileInput(attrs={"accept": ".csv,.jsonl,.zip"}),
    )

    def __init__(self, *args: Any, endpoints: list[Endpoint], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["endpoint"].choices = [(endpoint.pk, endpoint.name) for endpoint in endpoints]  # type: ignore[attr-defined]


def version_choices(versions: list[ModelVersion]) -> list[tuple[str, str]]:
    return [
        (version.pk, f"{version.model.name} · version {version.number} · {version.family.replace('_', ' ')}")
        for version in versions
    ]
