"""Budgets: caps that cannot be overspent, and those that only tell."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.models import ApiKey, Organisation
from apps.billing.forms import BudgetForm
from apps.billing.queries import used_by_budget
from apps.billing.services.delete_budget import delete_budget
from apps.billing.services.set_budget import set_budget
from apps.endpoints.queries import living_endpoints
from apps.ledger.models import Budget
from apps.metering.naming import named


def _choices(tenant: Organisation) -> list[tuple[str, Any]]:
    keys = ApiKey.objects.of(tenant).filter(revoked_at=None).order_by("name")
    endpoints = living_endpoints(tenant).order_by("name")
    return [
        ("organisation:", "The whole organisation"),
        ("Endpoints", [(f"endpoint:{endpoint.pk}", endpoint.name) for endpoint in endpoints]),
        ("API keys", [(f"key:{key.pk}", str(key)) for key in keys]),
    ]


@needs("read")
def budgets(request: OrganisationRequest, organisation: str) -> HttpResponse:
    return _page(request, BudgetForm(what=_choices(request.organisation)))


def _page(request: OrganisationRequest, form: BudgetForm) -> HttpResponse:
    tenant = request.organisation
    rows: list[Any] = list(Budget.objects.of(tenant).filter(deleted_at=None, measure="money").order_by("id"))
    names: dict[str, str] = {tenant.pk: "the whole organisation"}
    for scope in ("endpoint", "key"):
        names |= named(tenant, scope, {row.scope_id for row in rows if row.scope == scope})
    for row in rows:
        row.used = used_by_budget(row)
        row.share = min(1.0, row.used / row.limit_micros) if row.limit_micros else 1.0
        row.subject = names.get(row.scope_id, row.scope_id)
        row.look = "bad" if row.share >= 1 else "warn" if row.share >= 0.75 else ""
    return render(request, "billing/budgets.html", {"tab": "budgets", "budgets": rows, "form": form})


@require_POST
@needs("billing")
def new_budget(request: OrganisationRequest, organisation: str) -> HttpResponse:
    form = BudgetForm(request.POST, what=_choices(request.organisation))
    if form.is_valid():
        budget = form.submit(lambda: set_budget(request.organisation, by=request.user, **form.service_arguments()))
        if budget:
            messages.success(request, f"The budget {budget.name} holds from now on.")
            return redirect("billing:budgets", organisation)
    return _page(request, form)


@require_POST
@needs("billing")
def remove_budget(request: OrganisationRequest, organisation: str, budget_id: str) -> HttpResponse:
    budget = get_object_or_404(Budget.objects.of(request.organisation).filter(deleted_at=None), pk=budget_id)
    delete_budget(budget, by=request.user)
    messages.success(request, f"The budget {budget.name} is lifted.")
    return redirect("billing:budgets", organisation)
