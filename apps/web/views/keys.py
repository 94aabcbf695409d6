"""API keys: list, create (the secret is shown once), revoke."""

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.accounts.client_address import client_address
from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.models import ApiKey
from apps.accounts.services.create_api_key import create_api_key
from apps.accounts.services.revoke_api_key import revoke_api_key
from apps.endpoints.queries import living_endpoints
from apps.web.key_form import KeyForm


@needs("read")
def keys(request: OrganisationRequest, organisation: str) -> HttpResponse:
    rows: list[Any] = list(ApiKey.objects.of(request.organisation).filter(parent=None).order_by("-id"))
    counts = dict(
        ApiKey.objects.of(request.organisation)
        .filter(parent__isnull=False, revoked_at=None)
        .order_by()
        .values_list("parent_id")
        .annotate(Count("pk"))
    )
    names = dict(living_endpoints(request.organisation).values_list("id", "name"))
    for key in rows:
        key.endpoint_names = [names.get(endpoint, endpoint) for endpoint in key.endpoints or []]
        key.sub_count = counts.get(key.pk, 0)
    rows.sort(key=lambda key: key.state in ("revoked", "expired"))
    return render(request, "accounts/keys.html", {"keys": rows})


@never_cache
@needs("admin")
def new_key(request: OrganisationRequest, organisation: str) -> HttpResponse:
    """The answer to the POST carries the secret: it is kept nowhere, so there is no page to redirect to."""
    choices = list(living_endpoints(request.organisation).order_by("name").values_list("id", "name"))
    form = KeyForm(request.POST or None, endpoints=choices)
    if request.method == "POST" and form.is_valid():
        made = form.submit(
            lambda: create_api_key(
                request.organisation,
                created_by=request.user,
                address=client_address(request),
                **form.service_arguments(),
            )
        )
        if made:
            key, secret = made
            return render(request, "accounts/key_made.html", {"key": key, "secret": secret, "example": choices[:1]})
    return render(request, "accounts/key_new.html", {"form": form})


@require_POST
@needs("admin")
def revoke_key(request: OrganisationRequest, organisation: str, key_id: str) -> HttpResponse:
    key = get_object_or_404(ApiKey.objects.of(request.organisation), pk=key_id)
    revoke_api_key(key, by=request.user, address=client_address(request))
    messages.success(request, f"{key.name} is revoked. The data plane refuses it within seconds.")
    return redirect("keys", organisation)
