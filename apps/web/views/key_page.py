"""One API key: its month, its limits, the sub-keys issued under it, and what can be done to it."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.client_address import client_address
from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.models import ApiKey
from apps.accounts.services.change_api_key import change_api_key
from apps.accounts.services.create_api_key import create_api_key
from apps.accounts.services.rotate_api_key import rotate_api_key
from apps.accounts.services.share_key_usage import key_of_link, link_token, share_key_usage
from apps.billing.key_month import key_month, key_sums
from apps.billing.services.limit_key import limit_key, limit_of
from apps.endpoints.queries import living_endpoints
from apps.web.sub_key_form import KeyTermsForm, SubKeyForm
from contracts.problems import Problem
from contracts.serving import RatePolicy

_OVERLAP_H = 24
_MOST_SHOWN = 200  # the newest; REST pages through all
VERBS = ("pause", "resume", "rotate", "rotate-slowly", "share", "unshare")


@needs("read")
def key_page(request: OrganisationRequest, organisation: str, key_id: str) -> HttpResponse:
    key = _key(request, key_id)
    newest = key.sub_keys.select_related("parent").order_by(F("revoked_at").desc(nulls_first=True), "-id")
    subs = list(newest[:_MOST_SHOWN])
    sums = key_sums(request.organisation, [sub.pk for sub in subs])
    for sub in subs:
        sub.month = sums[sub.pk]  # type: ignore[attr-defined]
    token = link_token(key)
    context = {
        "key": key,
        "month": key_month(key),
        "sub_keys": subs,
        "old_secret_until": key.previous_until if key.previous_until and key.previous_until > timezone.now() else None,
        "usage_link": request.build_absolute_uri(reverse("key-usage", args=[token])) if token else "",
        "may_have_sub_keys": key.parent_id is None and "predict" in key.scopes and key.state in ("live", "paused"),
    }
    return render(request, "accounts/key.html", context)


@never_cache
@needs("admin")
def new_sub_key(request: OrganisationRequest, organisation: str, key_id: str) -> HttpResponse:
    """The answer to the POST carries the secret: it is kept nowhere, so there is no page to redirect to."""
    parent = _key(request, key_id)
    endpoints = living_endpoints(request.organisation).order_by("name")
    if parent.endpoints is not None:
        endpoints = endpoints.filter(pk__in=parent.endpoints)
    choices = list(endpoints.values_list("id", "name"))
    form = SubKeyForm(request.POST or None, endpoints=choices)
    if request.method == "POST" and form.is_valid():
        made = form.submit(lambda: _make(request, parent, form))
        if made:
            return _secret_page(request, *made)
    return render(request, "accounts/sub_key_new.html", {"form": form, "parent": parent})


@transaction.atomic
def _make(request: OrganisationRequest, parent: ApiKey, form: SubKeyForm) -> tuple[ApiKey, str]:
    wish = form.service_arguments([])
    wish["policies"] = [RatePolicy(**policy) for policy in wish["policies"]]
    key, secret = create_api_key(
        request.organisation,
        scopes=["predict"],
        mode=parent.mode,
        parent=parent,
        endpoints=form.cleaned_data.get("endpoints") or None,
        created_by=request.user,
        address=client_address(request),
        **wish,
    )
    _limit(request, key, form)
    return key, secret


@needs("admin")
def change_key(request: OrganisationRequest, organisation: str, key_id: str) -> HttpResponse:
    key = _key(request, key_id)
    quota, budget = limit_of(key, "units"), limit_of(key, "money")
    initial = KeyTermsForm.terms_of(key, quota.limit_micros if quota else None, budget.limit_micros if budget else None)
    form = KeyTermsForm(request.POST or None, initial=initial)
    changed = form.submit(lambda: _change(request, key, form)) if request.method == "POST" and form.is_valid() else None
    if changed is not None:
        messages.success(request, f"{key.name} is changed. The data plane follows within five seconds.")
        return redirect("key", organisation, key.pk)
    return render(request, "accounts/key_change.html", {"form": form, "key": key})


@transaction.atomic
def _change(request: OrganisationRequest, key: ApiKey, form: KeyTermsForm) -> ApiKey:
    changes = form.service_arguments(key.policies)
    if changes["expires_at"] is not None and form.initial["expires_on"] == form.cleaned_data["expires_on"]:
        del changes["expires_at"]
    change_api_key(key, by=request.user, address=client_address(request), **changes)
    _limit(request, key, form)
    return key


def _limit(request: OrganisationRequest, key: ApiKey, form: KeyTermsForm) -> None:
    limit_key(key, "units", form.cleaned_data["monthly_predictions"], by=request.user)
    limit_key(key, "money", form.budget_micros(), by=request.user)


@never_cache
@require_POST
@needs("admin")
def act_on_key(request: OrganisationRequest, organisation: str, key_id: str, verb: str) -> HttpResponse:
    """Pause, resume, rotate (the answer shows the secret once), share the usage page or end its link."""
    key = _key(request, key_id)
    if verb not in VERBS:
        raise Http404
    who: dict[str, Any] = {"by": request.user, "address": client_address(request)}
    try:
        if verb.startswith("rotate"):
            overlap_h = _OVERLAP_H if verb == "rotate-slowly" else 0
            return _secret_page(request, *rotate_api_key(key, overlap_h=overlap_h, **who))
        if verb in ("pause", "resume"):
            change_api_key(key, paused=verb == "pause", **who)
            messages.success(
                request, f"{key.name} {'is paused' if verb == 'pause' else 'goes on'} within five seconds."
            )
        else:
            share_key_usage(key, is_shared=verb == "share", **who)
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("key", organisation, key.pk)


@never_cache
@require_GET
def shared_usage(request: HttpRequest, token: str) -> HttpResponse:
    """For whoever has the link: what the key may and did use this month, and nothing else of the organisation."""
    key = key_of_link(token)
    if key is None:
        raise Http404
    answer = render(
        request, "accounts/key_usage.html", {"key": key, "month": key_month(key), "issuer": key.organisation.name}
    )
    answer["X-Robots-Tag"] = "noindex"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


def _key(request: OrganisationRequest, key_id: str) -> ApiKey:
    keys = ApiKey.objects.of(request.organisation).select_related("organisation", "parent", "created_by")
    return get_object_or_404(keys, pk=key_id)


def _secret_page(request: OrganisationRequest, key: ApiKey, secret: str) -> HttpResponse:
    endpoints = living_endpoints(request.organisation).order_by("name")
    if key.endpoints is not None:
        endpoints = endpoints.filter(pk__in=key.endpoints)
    context = {"key": key, "secret": secret, "example": list(endpoints.values_list("id", "name")[:1])}
    return render(request, "accounts/key_made.html", context)
