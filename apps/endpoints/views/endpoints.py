"""Endpoints: the list, a new one, the overview of one with its rollout."""

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.models import Organisation
from apps.endpoints.forms import DeployForm, EndpointForm, choice_of
from apps.endpoints.models import Deployment, Endpoint
from apps.endpoints.queries import endpoint_or_problem, living_endpoints, present_deployments
from apps.endpoints.rollout import Share, with_shadow, with_version
from apps.endpoints.services.change_endpoint import change_endpoint
from apps.endpoints.services.create_endpoint import create_endpoint
from apps.endpoints.services.guard_rollouts import words
from apps.endpoints.services.rollback_endpoint import previous_set, rollback_endpoint
from apps.ledger.queries import price_at
from apps.metering.models import UsageEvent
from apps.registry.models import ModelVersion
from contracts.usage import METER_PREDICTIONS

DAYS = 30
_NO_ENDPOINT = "Train a model first: an endpoint serves one of its versions."


@needs("read")
def endpoints(request: OrganisationRequest, organisation: str) -> HttpResponse:
    rows: list[Any] = list(living_endpoints(request.organisation).order_by("-id"))
    since = timezone.now() - timedelta(days=DAYS)
    usage = UsageEvent.objects.of(request.organisation).filter(occurred_at__gte=since, meter=METER_PREDICTIONS)
    totals = {
        row["endpoint"]: row
        for row in usage.values("endpoint").annotate(units=Sum("units"), micros=Sum("amount_micros"))
    }
    for endpoint in rows:
        endpoint.usage = totals.get(endpoint.pk, {"units": 0, "micros": 0})
    has_model = bool(rows) or ModelVersion.objects.of(request.organisation).exists()
    return render(request, "endpoints/list.html", {"endpoints": rows, "has_model": has_model})


def versions_to_choose(organisation: Organisation) -> list[ModelVersion]:
    return list(ModelVersion.objects.of(organisation).select_related("model").order_by("-id")[:200])


@needs("write")
def new_endpoint(request: OrganisationRequest, organisation: str) -> HttpResponse:
    versions = versions_to_choose(request.organisation)
    if not versions:
        messages.info(request, _NO_ENDPOINT)
        return redirect("registry:list", organisation)
    wanted = request.GET.get("model_version", "")
    chosen = next((version for version in versions if version.pk == wanted.partition("@")[0]), versions[0])
    initial = {"model_version": choice_of(chosen, wanted), "name": _free_name(request.organisation, chosen)}
    form = EndpointForm(request.POST or None, initial=initial, versions=versions)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        version_id, _, precision = data["model_version"].partition("@")
        version = next(version for version in versions if version.pk == version_id)
        endpoint = form.submit(
            lambda: create_endpoint(
                request.organisation,
                name=data["name"],
                model_version=version,
                precision=precision,
                latency_class=data["latency_class"],
                created_by=request.user,
            )
        )
        if endpoint:
            return redirect("endpoints:page", organisation, endpoint.pk)
    prices = {
        pace: price_at(METER_PREDICTIONS, dimension=pace, currency=request.organisation.currency).unit_price_micros
        for pace in ("realtime", "batch")
    }
    return render(request, "endpoints/new.html", {"form": form, "prices": prices})


def _free_name(organisation: Organisation, version: ModelVersion) -> str:
    stem = slugify(version.model.name.split(":")[0])[:50].strip("-") or "model"
    taken = set(living_endpoints(organisation).values_list("name", flat=True))
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


@needs("read")
def endpoint_page(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    return overview(request, endpoint, DeployForm(versions=_candidates(endpoint)))


@needs("read")
def endpoint_live(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    return render(request, "endpoints/state.html", {"endpoint": endpoint})


def overview(request: OrganisationRequest, endpoint: Endpoint, form: DeployForm) -> HttpResponse:
    days = _per_day(endpoint)
    context = {
        "endpoint": endpoint,
        "tab": "overview",
        "form": form,
        "previous": previous_set(endpoint),
        "history": endpoint.deployments.exclude(retired_at=None)
        .select_related("model_version__model")
        .order_by("-retired_at")[:8],
        "guarded": _guard_rollback(endpoint),
        "reports": endpoint.reports.select_related("node").order_by("node__name"),
        "days": [(day, row["micros"]) for day, row in days],
        "units": sum(row["units"] for _, row in days),
        "micros": sum(row["micros"] for _, row in days),
        "price": price_at(METER_PREDICTIONS, dimension=endpoint.latency_class, currency=endpoint.organisation.currency),
    }
    return render(request, "endpoints/page.html", context)


def _guard_rollback(endpoint: Endpoint) -> dict[str, Any] | None:
    """The automatic rollback that brought what serves now, if one did."""
    edition = max((row.edition for row in _present(endpoint)), default=0)
    row = endpoint.guard_rollbacks.select_related("model_version__model").filter(edition=edition).first()
    return {"row": row, "words": words(row.rule, row.value, row.limit)} if row else None


def _per_day(endpoint: Endpoint) -> list[tuple[date, dict[str, Any]]]:
    since = (timezone.now() - timedelta(days=DAYS)).date()
    rows: Any = (
        UsageEvent.objects.of(endpoint.organisation)
        .filter(endpoint=endpoint.pk, occurred_at__date__gte=since)
        .annotate(day=TruncDate("occurred_at"))
        .values("day")
        .annotate(units=Sum("units"), micros=Sum("amount_micros"))
        .order_by()
    )
    by_day = {row["day"]: row for row in rows}
    nothing = {"units": 0, "micros": 0}
    return [(day, by_day.get(day, nothing)) for day in (since + timedelta(days=n) for n in range(DAYS + 1))]


def _present(endpoint: Endpoint) -> list[Deployment]:
    return list(present_deployments().filter(endpoint=endpoint))


def _candidates(endpoint: Endpoint) -> list[ModelVersion]:
    """Versions of the models that serve now come first: a rollout is mostly from one version to the next."""
    serving = {deployment.model_version.model_id for deployment in _present(endpoint)}
    versions = versions_to_choose(endpoint.organisation)
    return sorted(versions, key=lambda version: version.model_id not in serving)


def _wanted(present: list[Share], version: str, share: str) -> list[dict[str, Any]]:
    if share.startswith("shadow-"):
        return with_shadow(present, version, weight=int(share.removeprefix("shadow-")))
    return with_version(present, version, weight=int(share))


@require_POST
@needs("write")
def deploy(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_or_problem(request.organisation, endpoint_id)
    form = DeployForm(request.POST, versions=_candidates(endpoint))
    if form.is_valid():
        data = form.cleaned_data
        present = [Share(row.reference, row.weight, row.shadow) for row in _present(endpoint)]
        wanted = _wanted(present, data["model_version"], data["share"])
        if form.submit(lambda: change_endpoint(endpoint, deployments=wanted, force=data["force"], by=request.user)):
            messages.success(request, "The new traffic shares are published. Servers take them over within seconds.")
            return redirect("endpoints:page", organisation, endpoint_id)
    return overview(request, endpoint, form)


@require_POST
@needs("write")
def rollback(request: OrganisationRequest, organisation: str, endpoint_id: str) -> HttpResponse:
    rollback_endpoint(endpoint_or_problem(request.organisation, endpoint_id), by=request.user)
    messages.success(request, "Rolled back. What served before serves again within seconds.")
    return redirect("endpoints:page", organisation, endpoint_id)
