"""Drift of an endpoint and the retraining of its model by itself: what was found, what comes next, who decides."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.endpoints.models import Endpoint
from apps.endpoints.queries import endpoint_or_problem, main_deployment
from apps.learning.drift_rules import LIMIT_DEFAULT
from apps.learning.forms import DriftForm, PolicyForm
from apps.learning.models import Drift, Retraining, RetrainingPolicy
from apps.learning.queries import newest_data, retraining_or_problem, served_model
from apps.learning.services.change_drift import set_limit
from apps.learning.services.change_policy import TASKS, change_policy
from apps.learning.services.end_retraining import decide
from apps.learning.services.measure_drift import measure_drift
from apps.learning.services.start_due import begin, rows_since
from contracts.problems import Problem

_SHOWN = 20
_MICROS = 1_000_000


@needs("read")
def learning(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    return _page(request, endpoint_or_problem(request.organisation, endpoint_id))


def _page(request: OrganisationRequest, endpoint: Endpoint, **forms: Any) -> HttpResponse:
    drift = Drift.objects.of(endpoint.organisation).filter(endpoint=endpoint).select_related("model_version").first()
    policy = RetrainingPolicy.objects.of(endpoint.organisation).filter(endpoint=endpoint).first()
    rows = Retraining.objects.of(endpoint.organisation).filter(policy__endpoint=endpoint).order_by("-id")
    main, model = main_deployment(endpoint), served_model(endpoint)
    near = ("run", "new_version__model", "serving_version__model", "dataset_version")
    retrainings = list(rows.select_related(*near)[:_SHOWN])
    context = {
        "endpoint": endpoint,
        "tab": "learning",
        "drift": drift,
        "policy": policy,
        "model": model,
        "main": main,
        "may_retrain": model is not None and model.task in TASKS,
        "retrainings": retrainings,
        "is_open": any(one.state in Retraining.OPEN for one in retrainings),
        "rows_since": rows_since(policy) if policy else 0,
        "newest": newest_data(model) if model else None,
        "drift_form": DriftForm(initial={"limit": drift.limit if drift else LIMIT_DEFAULT}),
        "policy_form": PolicyForm.showing(policy),
    }
    return render(request, "learning/learning.html", context | forms)


@require_POST
@needs("write")
def measure(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    measure_drift(endpoint_or_problem(request.organisation, endpoint_id))
    messages.success(request, "Measured.")
    return redirect("learning:learning", organisation, endpoint_id)


@require_POST
@needs("write")
def drift_limit(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    form = DriftForm(request.POST)
    if form.is_valid():
        limit = form.cleaned_data["limit"]
        if form.submit(lambda: set_limit(endpoint, limit, by=request.user)):
            messages.success(request, "The limit is set.")
            return redirect("learning:learning", organisation, endpoint_id)
    return _page(request, endpoint, drift_form=form)


@require_POST
@needs("write")
def policy(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    form = PolicyForm(request.POST)
    if form.is_valid():
        data = dict(form.cleaned_data)
        cap: Decimal | None = data.pop("max_cost")
        wish = data | {"max_cost_micros": int(cap * _MICROS) if cap else None}
        if form.submit(lambda: change_policy(endpoint, by=request.user, **wish)):
            messages.success(request, "Set. What comes due starts by itself.")
            return redirect("learning:learning", organisation, endpoint_id)
    return _page(request, endpoint, policy_form=form)


@require_POST
@needs("write")
def retrain_now(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    try:
        set_up = RetrainingPolicy.objects.of(endpoint.organisation).filter(endpoint=endpoint).first()
        chosen = set_up or change_policy(endpoint, by=request.user)
        begun = begin(chosen, f"asked:{timezone.now().isoformat()}", f"Asked for by {request.user}")
        if begun is None:
            raise Problem("yours:state", "One is under way already.")
        messages.success(request, "It begins within seconds. This page follows it.")
    except Problem as problem:
        messages.error(request, f"{problem.failure.title}. {problem.detail}")
    return redirect("learning:learning", organisation, endpoint_id)


@require_POST
@needs("write")
def verdict(request: OrganisationRequest, organisation: str, endpoint_id: str, retraining_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    found = retraining_or_problem(endpoint, retraining_id)
    try:
        decide(found, promote=request.POST.get("verdict") == "promote", by=request.user)
        messages.success(request, "Done.")
    except Problem as problem:
        messages.error(request, f"{problem.failure.title}. {problem.detail}")
    return redirect("learning:learning", organisation, endpoint_id)
