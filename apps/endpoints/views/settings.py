"""Settings of an endpoint: limits, pace, pause, delete."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.endpoints.forms import LimitFormSet, PaceForm, RolloutForm
from apps.endpoints.models import Endpoint
from apps.endpoints.queries import endpoint_or_problem
from apps.endpoints.services.change_endpoint import change_endpoint
from apps.endpoints.services.delete_endpoint import delete_endpoint


@needs("read")
def settings_page(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    return _page(request, endpoint)


def _shown_limits(endpoint: Endpoint) -> list[dict[str, Any]]:
    """A burst of 0 means the quota itself and is shown as an empty field."""
    return [policy | {"burst": policy.get("burst") or None} for policy in endpoint.policies]


def _page(request: OrganisationRequest, endpoint: Endpoint, **forms: Any) -> HttpResponse:
    """`forms` are those that were filled in wrongly; the others show what is set."""
    context = {
        "endpoint": endpoint,
        "tab": "settings",
        "limits": LimitFormSet(initial=_shown_limits(endpoint)),
        "pace": PaceForm(initial={"slo_ms": endpoint.slo_ms}),
        "rollout": RolloutForm.showing(endpoint),
    }
    return render(request, "endpoints/settings.html", context | forms)


@require_POST
@needs("write")
def change_limits(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    limits = LimitFormSet(request.POST)
    if not limits.is_valid():
        return _page(request, endpoint, limits=limits)
    policies = [
        {"name": row["name"], "quota": row["quota"], "window_s": row["window_s"], "burst": row["burst"] or 0}
        for row in limits.cleaned_data
        if row and not row.get("DELETE")
    ]
    change_endpoint(endpoint, policies=policies, by=request.user)
    messages.success(request, "The limits are published. Servers take them over within seconds.")
    return redirect("endpoints:e-settings", organisation, endpoint_id)


@require_POST
@needs("write")
def change_pace(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    form = PaceForm(request.POST)
    if form.is_valid():
        slo_ms = form.cleaned_data["slo_ms"]
        changed = form.submit(lambda: change_endpoint(endpoint, slo_ms=slo_ms, by=request.user))
        if changed:
            messages.success(request, "The pace is published.")
            return redirect("endpoints:e-settings", organisation, endpoint_id)
    return _page(request, endpoint, pace=form)


@require_POST
@needs("write")
def change_guard(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    form = RolloutForm(request.POST)
    if form.is_valid():
        guard, sticky = form.guard(), form.cleaned_data["sticky"]
        if form.submit(lambda: change_endpoint(endpoint, guard=guard, sticky=sticky, by=request.user)):
            messages.success(request, "The rules of rollouts are set.")
            return redirect("endpoints:e-settings", organisation, endpoint_id)
    return _page(request, endpoint, rollout=form)


@require_POST
@needs("write")
def pause(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    is_pausing = request.POST.get("paused") == "yes"
    change_endpoint(endpoint, paused=is_pausing, by=request.user)
    words = "Paused. Callers are told so within seconds." if is_pausing else "Resumed. It answers again within seconds."
    messages.success(request, words)
    return redirect("endpoints:e-settings", organisation, endpoint_id)


@require_POST
@needs("write")
def delete(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    if request.POST.get("name", "").strip() != endpoint.name:
        messages.error(request, "Nothing was deleted: the name you typed is not the endpoint's.")
        return redirect("endpoints:e-settings", organisation, endpoint_id)
    delete_endpoint(endpoint, by=request.user)
    messages.success(request, f"{endpoint.name} is deleted. Its usage stays on the bill.")
    return redirect("endpoints:list", organisation)
