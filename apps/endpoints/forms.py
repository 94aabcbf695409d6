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
    ("shadow-100", "Copies of all requests (shadow)"),
    ("shadow-10", "Copies of 10 % (shadow)"),
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
    share = forms.ChoiceField(
        choices=_SHARES,
        label="How much it gets",
        help_text="A shadow answers nobody and costs nothing: its answers are compared with those that callers get.",
    )
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


class RolloutForm(ServiceForm):
    error_rate = forms.FloatField(required=False, min_value=0.01, max_value=100, label="More failed requests than (%)")
    p95_ms = forms.FloatField(
        required=False, min_value=0.1, max_value=600_000, label="Slower than (ms), for more than 5 % of requests"
    )
    disagreement = forms.FloatField(
        required=False,
        min_value=0.01,
        max_value=100,
        label="More answers of its shadow that differ than (%)",
    )
    window_s = forms.TypedChoiceField(
        coerce=int,
        choices=[(60, "1 minute"), (300, "5 minutes"), (900, "15 minutes"), (3600, "1 hour")],
        initial=300,
        label="Looking at the last",
    )
    least = forms.IntegerField(min_value=10, max_value=1_000_000, initial=100, label="Judge only with so many requests")
    sticky = forms.CharField(
        required=False,
        max_length=60,
        label="Header that keeps a caller with one version",
        help_text="Such as X-Sticky-Key. Requests with the same value meet the same version; empty: chance decides.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )

    @classmethod
    def showing(cls, endpoint: Endpoint) -> "RolloutForm":
        shown: dict[str, Any] = {"window_s": 300, "least": 100} | endpoint.guard | {"sticky": endpoint.sticky}
        for name in ("error_rate", "disagreement"):
            if name in shown:
                shown[name] = round(shown[name] * 100, 6)
        return cls(initial=shown)

    def guard(self) -> dict[str, Any]:
        """The rules as the service takes them: shares of one."""
        rules = {name: self.cleaned_data.get(name) for name in ("p95_ms", "window_s", "least")}
        for name in ("error_rate", "disagreement"):
            value = self.cleaned_data.get(name)
            rules[name] = None if value is None else value / 100
        return rules


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
    """`ver_…` is the version in its usual precision, `ver_…@int8` in another that it has."""
    choices = []
    for version in versions:
        words = f"{version.model.name} · version {version.number} · {version.family.replace('_', ' ')}"
        choices.append((version.pk, words if version.deploys == "fp32" else f"{words} · {version.deploys}"))
        others = [precision for precision in version.precisions if precision != version.deploys]
        choices += [(f"{version.pk}@{precision}", f"{words} · {precision}") for precision in others]
    return choices


def choice_of(version: ModelVersion, wanted: str) -> str:
    """The choice that an address names, as `version_choices` writes it."""
    precision = wanted.partition("@")[2]
    return (
        f"{version.pk}@{precision}" if precision in version.precisions and precision != version.deploys else version.pk
    )
