"""The plan: which one, what is used of it, what another would cost; nothing changes before it is confirmed."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.rules import LIMITS
from apps.billing.models import Plan
from apps.billing.plan_queries import plans_in_force, subscription_of, used_of_limits
from apps.billing.rules import amount_text
from apps.billing.services.change_plan import change_plan
from apps.billing.services.close_account import close_account
from apps.billing.services.quote_plan import quote_plan
from apps.ledger.services.open_wallet import credit_wallet
from contracts.problems import Problem

_SHORT = {
    "endpoints": "endpoints: {}",
    "storage_bytes": "storage: {}",
    "seats": "people: {}",
    "runs_at_once": "runs at once: {}",
    "concurrency": "requests at once: {}",
    "requests_per_minute": "requests a minute: {}",
    "predictions_per_month": "predictions a month: {}",
}


@needs("read")
def plan(request: OrganisationRequest, organisation: str) -> HttpResponse:
    tenant = request.organisation
    present = subscription_of(tenant)
    offered = [
        row
        for row in plans_in_force(tenant.currency)
        if row.is_public or (present is not None and row.name == present.plan.name)
    ]
    context: dict[str, Any] = {
        "tab": "plan",
        "subscription": present,
        "plans": [{"plan": row, "limits": _limits(row)} for row in offered],
        "used": _used(present.plan, used_of_limits(tenant)) if present else [],
    }
    return render(request, "billing/plan.html", context)


def _limits(row: Plan) -> str:
    """A plan's limits in one line."""
    known = ((name, row.limits[name]) for name in LIMITS if name in row.limits)
    shown = ((name, filesizeformat(most) if name == "storage_bytes" else f"{most:,}") for name, most in known)
    return ", ".join(_SHORT[name].format(most) for name, most in shown) or "no limits"


def _used(row: Plan, used: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "have": have,
            "most": row.limits.get(name),
            "share": min(1.0, have / row.limits[name]) if row.limits.get(name) else 0.0,
        }
        for name, have in used.items()
    ]


@needs("billing")
def change(request: OrganisationRequest, organisation: str) -> HttpResponse:
    """GET shows what it costs, POST does it."""
    values = request.POST if request.method == "POST" else request.GET
    name, when = values.get("plan", ""), values.get("when", "")
    try:
        if request.method == "POST":
            done = change_plan(request.organisation, name, when=when, by=request.user)
            messages.success(request, _said(done.plan, when=done.when))
            return redirect("billing:plan", organisation)
        quote = quote_plan(request.organisation, name, when=when)
    except Problem as problem:
        if problem.status == 404:
            raise Http404(problem.detail) from None
        messages.error(request, f"{problem.failure.title}. {problem.detail}")
        return redirect("billing:plan", organisation)
    context = {
        "tab": "plan",
        "quote": quote,
        "subscription": subscription_of(request.organisation),
        "wallet": credit_wallet(request.organisation),
    }
    return render(request, "billing/plan_change.html", context)


@require_POST
@needs("own")
def close(request: OrganisationRequest, organisation: str) -> HttpResponse:
    """Only with the organisation's short name typed out: it stops everything at once."""
    if request.POST.get("name", "").strip() != request.organisation.slug:
        messages.error(request, f"Type {request.organisation.slug} to close the account.")
        return redirect("billing:plan", organisation)
    try:
        back = close_account(request.organisation, by=request.user)
    except Problem as problem:
        messages.error(request, f"{problem.failure.title}. {problem.failure.fix}")
    else:
        credited = (
            f" {amount_text(back, request.organisation.currency)} of the fee came back as credit." if back else ""
        )
        messages.success(request, f"The account is closed.{credited}")
    return redirect("billing:plan", organisation)


def _said(row: Plan, *, when: str) -> str:
    return f"You are on {row.title} now." if when == "now" else f"{row.title} takes over when the month is over."
