"""The request log of an endpoint: what is kept, one request, its labels, its replay."""

import json
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.endpoints.models import Endpoint
from apps.endpoints.queries import endpoint_or_problem, version_or_problem
from apps.endpoints.services.change_endpoint import change_endpoint
from apps.learning.filters import filtered
from apps.learning.forms import LogForm, ReplayForm
from apps.learning.kept import rows_shown
from apps.learning.queries import (
    held_bytes,
    labelled_requests,
    replay_or_problem,
    request_or_problem,
    requests_of,
    served_model,
)
from apps.learning.replays import pairs_of
from apps.learning.rules import is_image
from apps.learning.services.forget_requests import clear_log
from apps.learning.services.label_request import KINDS, label_request
from apps.learning.services.start_replay import start_replay
from apps.learning.services.take_labels import take_labels
from apps.registry.models import ModelVersion
from contracts.manifests import ModelManifest
from contracts.problems import Problem
from contracts.wire import from_wire

_ON_A_PAGE = 25
_REPLAYED_AT_ONCE = 100
_ROWS_SHOWN = 50


@needs("write")
def requests(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    return _page(request, endpoint_or_problem(request.organisation, endpoint_id))


def _page(request: OrganisationRequest, endpoint: Endpoint, form: LogForm | None = None) -> HttpResponse:
    every = requests_of(endpoint)
    pages = Paginator(filtered(every, request.GET.dict()).order_by("-id"), _ON_A_PAGE)
    shown = pages.get_page(request.GET.get("page"))
    model = served_model(endpoint)
    asked = request.GET.copy()
    asked.pop("page", None)
    context = {
        "endpoint": endpoint,
        "tab": "requests",
        "page": shown,
        "rows": [{"request": one, "first": next(iter(rows_shown(one)), None)} for one in shown],
        "form": form or LogForm(endpoint=endpoint),
        "asked": request.GET,
        "statuses": [("good", "Answered"), ("refused", "Refused (4xx)"), ("failed", "Failed (5xx)")],
        "query": asked.urlencode(),
        "versions": ModelVersion.objects.of(endpoint.organisation)
        .filter(pk__in=every.values("model_version").distinct())
        .select_related("model"),
        "held_bytes": held_bytes(endpoint),
        "labelled": labelled_requests(model).count() if model else 0,
        "replay": ReplayForm(versions=_replayable(endpoint)),
    }
    return render(request, "learning/requests.html", context)


def _replayable(endpoint: Endpoint) -> list[ModelVersion]:
    model = served_model(endpoint)
    rows = ModelVersion.objects.of(endpoint.organisation).select_related("model").order_by("-id")
    return list(rows.filter(model=model)[:100]) if model else []


@require_POST
@needs("write")
def change_log(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    form = LogForm(request.POST, endpoint=endpoint)
    if form.is_valid():
        setting = form.setting()
        if form.submit(lambda: change_endpoint(endpoint, request_log=setting, by=request.user)):
            words = "Off: nothing new is kept." if not setting["share"] else "Set. Servers take it over within seconds."
            messages.success(request, words)
            return redirect("learning:requests", organisation, endpoint_id)
    return _page(request, endpoint, form)


@require_POST
@needs("write")
def clear(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    gone = clear_log(endpoint, by=request.user)
    messages.success(request, f"{gone} kept requests are deleted.")
    return redirect("learning:requests", organisation, endpoint_id)


@needs("write")
def request_page(request: OrganisationRequest, organisation: str, endpoint_id: str, request_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    kept = request_or_problem(endpoint, request_id)
    meaning = from_wire(ModelManifest, kept.model_version.manifest).meaning if kept.model_version else None
    rows = rows_shown(kept)
    context = {
        "endpoint": endpoint,
        "tab": "requests",
        "kept": kept,
        "rows": rows[:_ROWS_SHOWN],
        "more_rows": max(0, len(rows) - _ROWS_SHOWN),
        "is_image": is_image(kept.content_type),
        "answer_text": json.dumps(kept.answer, indent=2, ensure_ascii=False) if kept.answer else "",
        "classes": meaning.classes[:200] if meaning else [],
        "may_label": bool(meaning and meaning.kind in KINDS and rows and not kept.taken_into_id),
        "replay": ReplayForm(versions=_replayable(endpoint)),
    }
    return render(request, "learning/request.html", context)


@needs("write")
def image(request: OrganisationRequest, organisation: str, endpoint_id: str, request_id: str) -> HttpResponse:
    """The picture that was asked about; never anything that a browser would run."""
    kept = request_or_problem(endpoint_or_problem(request.organisation, endpoint_id), request_id)
    kind = kept.content_type.partition(";")[0].strip()
    if kind not in ("image/png", "image/jpeg", "image/webp") or not kept.body:
        raise Problem("yours:not-found", "No picture of this request is kept.")
    return HttpResponse(bytes(kept.body), content_type=kind, headers={"X-Content-Type-Options": "nosniff"})


@require_POST
@needs("write")
def label(request: OrganisationRequest, organisation: str, endpoint_id: str, request_id: str) -> HttpResponse:
    kept = request_or_problem(endpoint_or_problem(request.organisation, endpoint_id), request_id)
    row = request.POST.get("row", "0")
    try:
        label_request(kept, row=int(row) if row.isdigit() else 0, label=request.POST.get("label", ""), by=request.user)
        messages.success(request, "Noted. It waits with the other labels until you add them to the data.")
    except Problem as problem:
        messages.error(request, _sentence(problem))
    return redirect("learning:request", organisation, endpoint_id, request_id)


@require_POST
@needs("write")
def take(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    model = served_model(endpoint)
    try:
        if model is None:
            raise Problem("yours:state", "The endpoint has no deployment.")
        grown = take_labels(model, by=request.user)
    except Problem as problem:
        messages.error(request, _sentence(problem))
        return redirect("learning:requests", organisation, endpoint_id)
    messages.success(request, f"Version {grown.number} of the data holds the labelled rows and is being checked.")
    return redirect("datasets:version", organisation, grown.dataset_id, grown.pk)


@require_POST
@needs("write")
def replay(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    """`request=…` for each chosen one; without any, the newest good ones."""
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    chosen = request.POST.getlist("request")
    rows = requests_of(endpoint).order_by("-id")
    rows = rows.filter(pk__in=chosen) if chosen else rows.filter(status__lt=300, is_cut=False)
    try:
        version = version_or_problem(request.organisation, request.POST.get("model_version", ""))
        started = start_replay(
            endpoint, model_version=version, requests=list(rows[:_REPLAYED_AT_ONCE]), by=request.user
        )
    except Problem as problem:
        messages.error(request, _sentence(problem))
        return redirect("learning:requests", organisation, endpoint_id)
    return redirect("learning:replay", organisation, endpoint_id, started.pk)


@needs("write")
def replay_page(request: OrganisationRequest, organisation: str, endpoint_id: str, replay_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    found = replay_or_problem(request.organisation, endpoint, replay_id)
    pairs = pairs_of(found)
    judged = [pair for pair in pairs if pair.agrees is not None]
    context: dict[str, Any] = {
        "endpoint": endpoint,
        "tab": "requests",
        "replay": found,
        "batch": found.batch,
        "is_over": found.batch.state not in ("queued", "running"),
        "pairs": sorted(pairs, key=lambda pair: (pair.agrees is not False, pair.agrees is None)),
        "judged": len(judged),
        "differ": sum(pair.agrees is False for pair in judged),
    }
    template = "learning/replay_live.html" if request.htmx else "learning/replay.html"
    return render(request, template, context)


def _sentence(problem: Problem) -> str:
    if problem.errors:
        first = problem.errors[0]
        return f"{first['location']} {first['message']}; {first['fix']}."
    return f"{problem.failure.title}. {problem.detail}"
