"""Batches: the list, a new one, one live with its result."""

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST
from rest_framework.request import Request

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.endpoints.forms import BatchForm
from apps.endpoints.models import Batch, Endpoint
from apps.endpoints.queries import batch_or_problem, endpoint_or_problem, living_endpoints, main_deployment
from apps.endpoints.services.cancel_batch import cancel_batch
from apps.endpoints.services.start_batch import start_batch
from apps.ledger.queries import price_at
from apps.rest.file_responses import stored_file
from contracts.problems import Problem
from contracts.usage import METER_BATCH_ROWS

PAGE = 25


@needs("read")
def batches(request: OrganisationRequest, organisation: str) -> HttpResponse:
    rows = Batch.objects.of(request.organisation).select_related("endpoint", "model_version__model").order_by("-id")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    has_endpoint = living_endpoints(request.organisation).exists()
    return render(request, "endpoints/batches.html", {"page": page, "has_endpoint": has_endpoint})


@needs("write")
def new_batch(request: OrganisationRequest, organisation: str) -> HttpResponse:
    endpoints = list(living_endpoints(request.organisation).order_by("name"))
    if not endpoints:
        return redirect("endpoints:batches", organisation)
    form = BatchForm(
        request.POST or None,
        request.FILES or None,
        initial={"endpoint": request.GET.get("endpoint")},
        endpoints=endpoints,
    )
    if request.method == "POST" and form.is_valid():
        batch = form.submit(lambda: _start(request, form))
        if batch:
            return redirect("endpoints:batch", organisation, batch.pk)
    price = price_at(METER_BATCH_ROWS, dimension="", currency=request.organisation.currency)
    return render(request, "endpoints/batch_new.html", {"form": form, "price": price})


def _start(request: OrganisationRequest, form: BatchForm) -> Batch:
    endpoint: Endpoint = endpoint_or_problem(request.organisation, form.cleaned_data["endpoint"])
    main = main_deployment(endpoint)
    if main is None:
        raise Problem("yours:state", "The endpoint has no deployment.")
    file = form.cleaned_data["file"]
    return start_batch(
        request.organisation,
        model_version=main.model_version,
        endpoint=endpoint,
        file=file,
        file_name=file.name,
        started_by=request.user,
    )


@needs("read")
def batch_page(request: OrganisationRequest, organisation: str, batch_id: str) -> HttpResponse:
    return render(request, "endpoints/batch.html", _shown(batch_or_problem(request.organisation, batch_id)))


@needs("read")
def batch_live(request: OrganisationRequest, organisation: str, batch_id: str) -> HttpResponse:
    return render(request, "endpoints/batch_live.html", _shown(batch_or_problem(request.organisation, batch_id)))


def _shown(batch: Batch) -> dict[str, Any]:
    share = batch.rows_done / batch.rows if batch.rows else 0.0
    return {"batch": batch, "share": min(1.0, share), "is_over": batch.state not in ("queued", "running")}


@require_POST
@needs("write")
def cancel(request: OrganisationRequest, organisation: str, batch_id: str) -> HttpResponse:
    cancel_batch(batch_or_problem(request.organisation, batch_id), by=request.user)
    return redirect("endpoints:batch", organisation, batch_id)


@needs("read")
def result(request: OrganisationRequest, organisation: str, batch_id: str) -> HttpResponseBase:
    batch = batch_or_problem(request.organisation, batch_id)
    if not batch.result_key:
        raise Http404("no result yet")
    return stored_file(
        Request(request),
        batch.result_key,
        sha256=batch.result_sha256,
        size_bytes=batch.result_bytes,
        download_as=f"{batch.pk}-{batch.result_key.rsplit('/', 1)[-1]}",
    )
