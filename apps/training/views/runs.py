"""Runs: the list, one run live, cancel."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.training.board import board_of
from apps.training.models import Run
from apps.training.queries import place_of, price_per_1000
from apps.training.services.cancel_run import cancel_run
from contracts.jobs import RUN_FINAL_STATES

PAGE = 25
LOG_TAIL = 200


def find_run(request: OrganisationRequest, run_id: str) -> Run:
    runs = Run.objects.of(request.organisation).select_related(
        "pool", "node", "dataset_version__dataset", "model_version", "created_by", "organisation"
    )
    return get_object_or_404(runs, pk=run_id)


@needs("read")
def runs(request: OrganisationRequest, organisation: str) -> HttpResponse:
    rows = (
        Run.objects.of(request.organisation)
        .select_related("pool", "dataset_version__dataset", "model_version")
        .order_by("-id")
    )
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    is_live = any(run.state not in RUN_FINAL_STATES for run in page)
    template = "training/list_live.html" if request.htmx else "training/list.html"
    return render(request, template, {"page": page, "is_live": is_live})


@needs("read")
def run_page(request: OrganisationRequest, organisation: str, run_id: str) -> HttpResponse:
    return render(request, "training/run.html", _shown(find_run(request, run_id)))


@needs("read")
def run_live(request: OrganisationRequest, organisation: str, run_id: str) -> HttpResponse:
    """Everything below the header; asked for every second until the run has ended."""
    return render(request, "training/run_live.html", _shown(find_run(request, run_id)))


@require_POST
@needs("write")
def cancel(request: OrganisationRequest, organisation: str, run_id: str) -> HttpResponse:
    cancel_run(find_run(request, run_id), by=request.user)
    return redirect("training:page", organisation, run_id)


def _shown(run: Run) -> dict[str, Any]:
    lines = list(run.log_lines.order_by("-id")[:LOG_TAIL])[::-1]
    return {
        "run": run,
        "is_over": run.state in RUN_FINAL_STATES,
        "place": place_of(run),
        "board": board_of(run),
        "price_per_1000": price_per_1000(run.organisation.currency),
        "attempts": list(run.attempts.select_related("node").order_by("fence")),
        "log": lines,
        "model_version": getattr(run, "model_version", None),
        "spend_share": run.cost_micros / run.max_cost_micros if run.max_cost_micros else 0,
        "time_share": min(1.0, run.compute_seconds / run.budget_seconds),
    }
