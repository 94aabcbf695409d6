"""Forms of this stage's pages."""

from decimal import Decimal
from typing import Any

from django import forms

from apps.accounts.service_form import ServiceForm
from apps.endpoints.forms import version_choices
from apps.endpoints.models import Endpoint
from apps.endpoints.rules import LOG_DAYS_MOST, LOG_MEGABYTES_MOST
from apps.learning.drift_rules import LIMIT_LEAST, LIMIT_MOST
from apps.learning.models import RetrainingPolicy
from apps.learning.retraining_rules import DAYS_MOST, NEW_ROWS_LEAST, NEW_ROWS_MOST
from apps.registry.models import ModelVersion

SHARES = [("0", "Nothing (off)"), ("1", "All requests"), ("0.1", "Every tenth"), ("0.01", "Every hundredth")]


class LogForm(ServiceForm):
    share = forms.ChoiceField(
        label="Keep",
        help_text="Questions and answers are kept as they came, with whatever personal data is in them.",
    )
    days = forms.IntegerField(min_value=1, max_value=LOG_DAYS_MOST, label="For how many days")
    megabytes = forms.IntegerField(
        min_value=1, max_value=LOG_MEGABYTES_MOST, label="At most (MB)", help_text="Beyond it the oldest go."
    )

    def __init__(self, *args: Any, endpoint: Endpoint, **named: Any) -> None:
        now = f"{endpoint.log_share:g}"
        named.setdefault("initial", {"share": now, "days": endpoint.log_days, "megabytes": endpoint.log_megabytes})
        super().__init__(*args, **named)
        own = [] if now in dict(SHARES) else [(now, f"{endpoint.log_share:.2%} of them")]
        self.fields["share"].choices = [*SHARES, *own]  # type: ignore[attr-defined]

    def setting(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {"share": float(data["share"]), "days": data["days"], "megabytes": data["megabytes"]}


class ReplayForm(ServiceForm):
    model_version = forms.ChoiceField(label="Ask again of")

    def __init__(self, *args: Any, versions: list[ModelVersion], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["model_version"].choices = version_choices(versions)  # type: ignore[attr-defined]


class DriftForm(ServiceForm):
    limit = forms.FloatField(
        min_value=LIMIT_LEAST,
        max_value=LIMIT_MOST,
        label="Say so above",
        help_text="Population stability index above chance. By custom, up to 0.1 nothing happened and from 0.2 on "
        "something did.",
    )


class PolicyForm(ServiceForm):
    every_days = forms.IntegerField(
        required=False, min_value=1, max_value=DAYS_MOST, label="Every so many days", help_text="Empty: no timetable."
    )
    new_rows = forms.IntegerField(
        required=False,
        min_value=NEW_ROWS_LEAST,
        max_value=NEW_ROWS_MOST,
        label="After so many new rows",
        help_text="Labelled in the request log, or in a newer version of the dataset.",
    )
    budget_seconds = forms.IntegerField(
        required=False, min_value=10, max_value=86_400, label="Time budget (s)", help_text="Empty: as the last run."
    )
    max_cost = forms.DecimalField(
        required=False,
        min_value=Decimal("0.000001"),
        max_digits=14,
        decimal_places=6,
        label="Cost cap",
        help_text="Of one run. Empty: the budget's price and a fifth.",
    )
    on_drift = forms.BooleanField(required=False, label="When drift is above its limit")
    warm = forms.BooleanField(
        required=False,
        initial=True,
        label="Start warm",
        help_text="Only the kinds of models that the serving version is made of compete, so the time goes to them. "
        "Their weights are learned anew.",
    )
    ask_first = forms.BooleanField(
        required=False,
        initial=True,
        label="Ask before a better version serves",
        help_text="Otherwise it takes all of the traffic by itself.",
    )

    @classmethod
    def showing(cls, policy: RetrainingPolicy | None) -> "PolicyForm":
        if policy is None:
            return cls()
        shown = {name: getattr(policy, name) for name in cls.base_fields if name != "max_cost"}
        cap = policy.max_cost_micros
        return cls(initial=shown | {"max_cost": Decimal(cap) / 1_000_000 if cap else None})
