"""Start a run: what to learn is inferred and explained, time and cost are estimated before anything is spent."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.compute.queries import pools_with_live_nodes
from apps.datasets.models import DatasetVersion
from apps.training.forms import BUDGET_DEFAULT_S, RunForm
from apps.training.queries import pool_board
from apps.training.services.estimate_run import estimate_run
from apps.training.services.start_run import start_run
from contracts.problems import Problem


def _ready_versions(request: OrganisationRequest) -> Any:
    versions = DatasetVersion.objects.of(request.organisation).filter(state="ready", dataset__deleted_at=None)
    return versions.select_related("dataset").order_by("-id")


@needs("write")
def new_run(request: OrganisationRequest, organisation: str) -> HttpResponse:
    chosen = request.GET.get("dataset_version", "")
    if not chosen:
        return render(request, "training/choose_data.html", {"versions": _ready_versions(request)[:100]})
    version = get_object_or_404(_ready_versions(request), pk=chosen)
    pools = pool_board(pools_with_live_nodes(), request.organisation.currency)
    form = RunForm(request.POST or None, initial=_initial(version, pools), version=version, pools=pools)
    if request.method == "POST" and form.is_valid():
        run = form.submit(
            lambda: start_run(
                request.organisation,
                dataset_version=version,
                name=form.cleaned_data["name"],
                seed=form.cleaned_data["seed"] or 0,
                started_by=request.user,
                **form.service_arguments(),
            )
        )
        if run:
            messages.success(request, "The run is queued. This page follows it.")
            return redirect("training:page", organisation, run.pk)
    return render(request, "training/new.html", _page(request, version, form, pools))


@needs("write")
def estimate(request: OrganisationRequest, organisation: str) -> HttpResponse:
    """The estimate for the form as it stands; htmx asks on every change."""
    version = get_object_or_404(_ready_versions(request), pk=request.GET.get("dataset_version", ""))
    pools = pool_board(pools_with_live_nodes(), request.organisation.currency)
    form = RunForm(request.GET, version=version, pools=pools)
    form.is_valid()
    return render(request, "training/estimate.html", _estimated(request, version, form))


def _initial(version: DatasetVersion, pools: list[dict[str, Any]]) -> dict[str, Any]:
    task = version.dataset.task or version.inferred_task
    if version.format == "zip":
        task = "image_classification"
    live = [pool["name"] for pool in pools if pool["live_nodes"]] or [pool["name"] for pool in pools]
    names = ["cpu", *live] if "cpu" in live else live
    return {
        "task": task,
        "target": version.inferred_target,
        "pool": names[0] if names else "",
        "budget_seconds": BUDGET_DEFAULT_S,
        "seed": 0,
    }


def _page(
    request: OrganisationRequest, version: DatasetVersion, form: RunForm, pools: list[dict[str, Any]]
) -> dict[str, Any]:
    shown = form
    if not form.is_bound:
        shown = RunForm(_initial(version, pools), version=version, pools=pools)
        shown.is_valid()
    options = [{"row": pool, "is_checked": form["pool"].value() == pool["name"]} for pool in pools]
    return _estimated(request, version, shown) | {"form": form, "version": version, "pools": options}


def _estimated(request: OrganisationRequest, version: DatasetVersion, form: RunForm) -> dict[str, Any]:
    context: dict[str, Any] = {"version": version, "estimate": None, "problem": None}
    if "budget_seconds" not in form.cleaned_data:
        context["objection"] = "Give the run at least 10 seconds to see an estimate."
        return context
    try:
        context["estimate"] = estimate_run(request.organisation, dataset_version=version, **form.service_arguments())
    except Problem as problem:
        context["problem"] = problem
    return context
