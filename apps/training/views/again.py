"""Run once more with one change, and two runs side by side."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.service_form import ServiceForm
from apps.training import comparison
from apps.training.board import board_of
from apps.training.models import Run
from apps.training.services.clone_run import clone_run
from apps.training.views.runs import find_run

_OTHERS_SHOWN = 50


class AgainForm(ServiceForm):
    dataset_version = forms.ChoiceField(label="Data")
    budget_seconds = forms.IntegerField(min_value=10, max_value=24 * 3600, label="Time budget in seconds")
    seed = forms.IntegerField(min_value=0, max_value=2**31 - 1)
    threshold = forms.FloatField(
        required=False,
        min_value=0.0001,
        max_value=0.9999,
        label="Threshold",
        help_text="Two classes: the second is named from this probability on. Left empty: as before.",
    )

    def __init__(self, *args: Any, run: Run, **named: Any) -> None:
        super().__init__(*args, **named)
        self.versions = {
            one.pk: one
            for one in run.dataset_version.dataset.versions.exclude(state="refused").order_by("-number")[:100]
        }
        choices = [
            (pk, f"Version {one.number}" + ("" if one.state == "ready" else f" ({one.state})"))
            for pk, one in self.versions.items()
        ]
        self.fields["dataset_version"].choices = choices  # type: ignore[attr-defined]
        if run.task != "tabular_classification":
            del self.fields["threshold"]


@needs("write")
def again(request: OrganisationRequest, organisation: str, run_id: str) -> HttpResponse:
    run = find_run(request, run_id)
    initial = {
        "dataset_version": request.GET.get("dataset_version") or run.dataset_version_id,
        "budget_seconds": run.budget_seconds,
        "seed": run.seed,
        "threshold": request.GET.get("threshold") or run.options.get("threshold"),
    }
    form = AgainForm(request.POST or None, run=run, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        started = form.submit(
            lambda: clone_run(
                run,
                dataset_version=form.versions[data["dataset_version"]],
                budget_seconds=data["budget_seconds"],
                seed=data["seed"],
                threshold=data.get("threshold"),
                started_by=request.user,
            )
        )
        if started:
            messages.success(request, "The run is queued. When it has ended, compare the two.")
            return redirect("training:page", organisation, started.pk)
    return render(request, "training/again.html", {"run": run, "form": form})


@needs("read")
def compare(request: OrganisationRequest, organisation: str) -> HttpResponse:
    """`?a=run_…&b=run_…`; without them, a choice of two."""
    chosen = [request.GET.get(name, "") for name in ("a", "b")]
    a, b = (find_run(request, one) if one else None for one in chosen)
    others = Run.objects.of(request.organisation).select_related("dataset_version__dataset").order_by("-id")
    context: dict[str, Any] = {"a": a, "b": b, "others": others[:_OTHERS_SHOWN]}
    if a and b:
        headline = board_of(a).headline
        context |= {
            "settings_lines": comparison.settings_of(a, b),
            "metric_lines": comparison.metrics_of(a, b),
            "family_lines": comparison.families_of(a, b, headline),
            "headline": headline,
        }
    return render(request, "training/compare.html", context)
