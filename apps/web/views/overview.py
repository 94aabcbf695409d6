"""The organisation's first page: the road from data to a paid answer, then what runs and what it costs."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.models import ApiKey, Organisation
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.samples import SAMPLES
from apps.endpoints.models import Endpoint
from apps.endpoints.queries import living_endpoints
from apps.metering.models import UsageEvent
from apps.registry.models import ModelVersion
from apps.training.models import Run
from contracts.usage import METER_PREDICTIONS

_DAYS = 30


@dataclass
class Step:
    title: str
    words: str
    is_done: bool
    action: str
    url: str
    is_next: bool = False


@needs("read")
def overview(request: OrganisationRequest, organisation: str) -> HttpResponse:
    tenant = request.organisation
    endpoints = list(living_endpoints(tenant).order_by("-id"))
    steps = _steps(tenant, endpoints)
    usage = UsageEvent.objects.of(tenant)
    since = timezone.now() - timedelta(days=_DAYS)
    month = datetime.now(tz=UTC).date().replace(day=1)
    predictions = usage.filter(meter=METER_PREDICTIONS, occurred_at__gte=since).aggregate(units=Sum("units"))["units"]
    spent = usage.filter(period=month).aggregate(micros=Sum("amount_micros"))["micros"]
    context = {
        "steps": steps,
        "steps_done": sum(step.is_done for step in steps),
        "is_road_done": all(step.is_done for step in steps),
        "endpoints": endpoints,
        "endpoints_ready": sum(endpoint.shown_state == "ready" for endpoint in endpoints),
        "samples": [] if steps[0].is_done else SAMPLES.values(),
        "runs": Run.objects.of(tenant).order_by("-id")[:5],
        "predictions": predictions or 0,
        "month_micros": spent or 0,
        "spent_days": _per_day(tenant, since.date()),
    }
    return render(request, "web/overview.html", context)


def _per_day(tenant: Organisation, since: date) -> list[tuple[date, int]]:
    """Every day of the window, also those without usage; empty when there is none at all."""
    rows = (
        UsageEvent.objects.of(tenant)
        .filter(occurred_at__date__gte=since)
        .annotate(day=TruncDate("occurred_at"))
        .values_list("day")
        .annotate(micros=Sum("amount_micros"))
        .order_by()
    )
    by_day = dict(rows)
    if not by_day:
        return []
    return [(day, by_day.get(day, 0)) for day in (since + timedelta(days=n) for n in range(_DAYS + 1))]


def _steps(tenant: Organisation, endpoints: list[Endpoint]) -> list[Step]:
    slug = tenant.slug
    ready = DatasetVersion.objects.of(tenant).filter(state="ready", dataset__deleted_at=None).order_by("-id").first()
    model = ModelVersion.objects.of(tenant).order_by("-id").first()
    endpoint = endpoints[0] if endpoints else None
    has_key = ApiKey.objects.of(tenant).filter(revoked_at=None).exists()
    has_answer = UsageEvent.objects.of(tenant).filter(meter=METER_PREDICTIONS).exists()
    steps = [
        Step(
            "Upload data",
            "A table, a log, texts or a ZIP of images. Or take one of our samples below.",
            ready is not None,
            "Upload" if ready is None else "See the data",
            reverse("datasets:new" if not Dataset.objects.of(tenant).exists() else "datasets:list", args=[slug]),
        ),
        Step(
            "Train a model",
            "Choose what to predict and how much time and money to give it.",
            model is not None,
            "Train" if model is None else "See the model",
            _train_url(slug, ready) if model is None else reverse("registry:version", args=[slug, model.pk]),
        ),
        Step(
            "Deploy it",
            "Put the model behind an address that answers in milliseconds.",
            endpoint is not None,
            "Deploy" if endpoint is None else "See the endpoint",
            _deploy_url(slug, endpoint, model),
        ),
        Step(
            "Create an API key",
            "Programs show it with each request. It can be limited and revoked.",
            has_key,
            "Create a key" if not has_key else "See the keys",
            reverse("key-new" if not has_key else "keys", args=[slug]),
        ),
        Step(
            "Get a prediction",
            "Try it in the playground, or copy the call into your program.",
            has_answer,
            "Open the playground",
            reverse("endpoints:e-playground", args=[slug, endpoint.pk]) if endpoint else "",
        ),
    ]
    following = next((step for step in steps if not step.is_done), None)
    if following:
        following.is_next = True
    return steps


def _train_url(slug: str, ready: DatasetVersion | None) -> str:
    return f"{reverse('training:new', args=[slug])}?dataset_version={ready.pk}" if ready else ""


def _deploy_url(slug: str, endpoint: Endpoint | None, model: ModelVersion | None) -> str:
    if endpoint is not None:
        return reverse("endpoints:page", args=[slug, endpoint.pk])
    return f"{reverse('endpoints:new', args=[slug])}?model_version={model.pk}" if model else ""
