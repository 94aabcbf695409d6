"""Pages of webhooks: the list, one with its deliveries and secret, and what can be done to it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.webhooks.forms import WebhookForm
from apps.webhooks.models import Webhook
from apps.webhooks.queries import deliveries_of, delivery_or_problem, webhook_or_problem, webhooks_of
from apps.webhooks.services import change_webhook as changing
from apps.webhooks.signing import secret_of
from contracts.problems import Problem

_SHOWN = 50


@needs("admin")
def webhooks(request: OrganisationRequest, organisation: str) -> HttpResponse:
    rows = webhooks_of(request.organisation).order_by("pk")
    return render(request, "webhooks/list.html", {"webhooks": rows})


@needs("admin")
def new_webhook(request: OrganisationRequest, organisation: str) -> HttpResponse:
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = form.submit(
            lambda: changing.create_webhook(request.organisation, **form.service_arguments(), by=request.user)
        )
        if made:
            messages.success(request, "The webhook is there. Send it a test to see that it answers.")
            return redirect("webhooks:page", organisation, made.pk)
    return render(request, "webhooks/new.html", {"form": form})


def _find(request: OrganisationRequest, webhook_id: str) -> Webhook:
    try:
        return webhook_or_problem(request.organisation, webhook_id)
    except Problem as missing:
        raise Http404(str(missing)) from None


@needs("admin")
def webhook(request: OrganisationRequest, organisation: str, webhook_id: str) -> HttpResponse:
    found = _find(request, webhook_id)
    deliveries = [
        {"delivery": row, "tries": sorted(row.tries.all(), key=lambda one: one.pk)}
        for row in deliveries_of(found).order_by("-pk")[:_SHOWN]
    ]
    context: dict[str, Any] = {"webhook": found, "deliveries": deliveries, "secret": secret_of(found)}
    return render(request, "webhooks/page.html", context)


@require_POST
@needs("admin")
def act(request: OrganisationRequest, organisation: str, webhook_id: str, verb: str) -> HttpResponse:
    """ping, rotate, disable, enable, delete."""
    found = _find(request, webhook_id)
    if verb == "ping":
        changing.send_ping(found)
        messages.success(request, "A test is on its way.")
    elif verb == "rotate":
        changing.rotate_secret(found, by=request.user)
        messages.success(request, "The new secret signs from now on, the old one beside it for a day.")
    elif verb in ("disable", "enable"):
        changing.change_webhook(found, disabled=verb == "disable", by=request.user)
    elif verb == "delete":
        changing.delete_webhook(found, by=request.user)
        messages.success(request, "The webhook is gone.")
        return redirect("webhooks:list", organisation)
    else:
        raise Http404(verb)
    return redirect("webhooks:page", organisation, webhook_id)


@require_POST
@needs("admin")
def redeliver(request: OrganisationRequest, organisation: str, webhook_id: str, delivery_id: str) -> HttpResponse:
    found = _find(request, webhook_id)
    try:
        changing.redeliver(delivery_or_problem(found, delivery_id), by=request.user)
    except Problem as missing:
        raise Http404(str(missing)) from None
    messages.success(request, "It is sent again.")
    return redirect("webhooks:page", organisation, webhook_id)
