"""Correct labels that may be wrong: a new dataset version, then the way to train on it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.datasets.services.correct_labels import correct_labels
from apps.registry.queries import evaluation_of
from apps.registry.views.versions import find_version
from contracts.problems import Problem

_DEEDS = ("relabel", "remove")


@require_POST
@needs("write")
def labels(request: OrganisationRequest, organisation: str, version_id: str) -> HttpResponse:
    """`one=relabel:17`, or `all=remove` with `row=…` for each chosen row."""
    version = find_version(request, version_id)
    suspects = {str(row.get("row")): row for row in evaluation_of(version).label_errors}
    deed, _, single = request.POST.get("one", "").partition(":")
    chosen = [single] if deed else request.POST.getlist("row")
    deed = deed or request.POST.get("all", "")
    page = redirect(reverse("registry:version", args=[organisation, version_id]) + "#labels")
    if deed not in _DEEDS or not chosen or any(row not in suspects for row in chosen):
        messages.error(request, "Choose at least one row of the list.")
        return page
    changes = {int(row): _label(deed, suspects[row]) for row in chosen}
    try:
        corrected = correct_labels(
            version.dataset_version, target=version.run.target, changes=changes, corrected_by=request.user
        )
    except Problem as problem:
        messages.error(request, f"{problem.failure.title}. {problem.detail}")
        return page
    words = f"{len(changes)} row{'' if len(changes) == 1 else 's'} corrected: version {corrected.number} of the data"
    messages.success(request, f"{words} is being checked. Train on it with the same settings and compare.")
    return redirect(f"{reverse('training:again', args=[organisation, version.run_id])}?dataset_version={corrected.pk}")


def _label(deed: str, row: dict[str, Any]) -> str | None:
    return None if deed == "remove" else str(row["likely"])
