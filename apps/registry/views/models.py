"""Models: the list, one model with its versions."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.registry.queries import models_of


@needs("read")
def models(request: OrganisationRequest, organisation: str) -> HttpResponse:
    rows: list[Any] = list(models_of(request.organisation).select_related("dataset").order_by("-updated_at"))
    for model in rows:
        model.newest = next(iter(model.versions.all()), None)
    return render(request, "registry/list.html", {"models": rows})


@needs("read")
def model_page(request: OrganisationRequest, organisation: str, model_id: str) -> HttpResponse:
    model = get_object_or_404(models_of(request.organisation).select_related("dataset"), pk=model_id)
    versions = list(model.versions.all())
    shown = [name for name in ("accuracy", "macro_f1", "auc", "log_loss", "mae", "rmse", "r2") if _has(versions, name)]
    return render(request, "registry/model.html", {"model": model, "versions": versions, "metrics": shown[:3]})


def _has(versions: list[Any], name: str) -> bool:
    return any(name in version.metrics for version in versions)
