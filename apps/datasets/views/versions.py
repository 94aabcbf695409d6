"""One dataset version: its state while it is checked, then what is in it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.datasets.models import DatasetVersion

_UNDER_WAY = ("received", "checking")
_SEVERITIES = ("error", "warning", "info")


def find_version(request: OrganisationRequest, dataset_id: str, version_id: str) -> DatasetVersion:
    versions = DatasetVersion.objects.of(request.organisation).select_related("dataset", "created_by")
    return get_object_or_404(versions, pk=version_id, dataset_id=dataset_id, dataset__deleted_at=None)


@needs("read")
def version_page(request: OrganisationRequest, organisation: str, dataset_id: str, version_id: str) -> HttpResponse:
    return render(request, "datasets/version.html", _shown(find_version(request, dataset_id, version_id)))


@needs("read")
def version_live(request: OrganisationRequest, organisation: str, dataset_id: str, version_id: str) -> HttpResponse:
    """The part of the page that changes; 286 tells htmx to stop asking."""
    context = _shown(find_version(request, dataset_id, version_id))
    if not context["is_under_way"]:
        response = HttpResponse(status=204)
        response["HX-Refresh"] = "true"
        return response
    return render(request, "datasets/version_live.html", context)


def _shown(version: DatasetVersion) -> dict[str, Any]:
    balance = [(row["label"], row["count"]) for row in version.profile.get("class_balance") or version.classes or []]
    most = max((count for _, count in balance), default=0)
    total = sum(count for _, count in balance)
    return {
        "version": version,
        "dataset": version.dataset,
        "is_under_way": version.state in _UNDER_WAY,
        "is_images": version.format == "zip",
        "balance": [
            {"label": label, "count": count, "of_most": count / most, "share": count / total}
            for label, count in balance
            if most
        ],
        "issues": sorted(version.issues, key=lambda issue: _SEVERITIES.index(issue.get("severity", "info"))),
        "leaks": version.profile.get("leakage_suspects", []),
        "suspects": {suspect["column"]: suspect for suspect in version.profile.get("leakage_suspects", [])},
    }
