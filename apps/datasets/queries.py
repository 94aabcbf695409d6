"""Reads of datasets for pages and REST."""

from datetime import timedelta

from django.db.models import Count, Prefetch, Q, QuerySet, Sum
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.rules import RECEIVED_GRACE_S
from contracts.problems import Problem

_HEAVY = ("columns", "classes", "profile", "preview", "splits", "options")  # left out of lists


def datasets_of(organisation: Organisation) -> QuerySet[Dataset]:
    """Datasets with `version_count` and, as a list of at most one, `newest_versions`."""
    newest = DatasetVersion.objects.defer(*_HEAVY).order_by("dataset", "-number").distinct("dataset")
    rows = Dataset.objects.of(organisation).filter(deleted_at=None).annotate(version_count=Count("versions"))
    return rows.prefetch_related(Prefetch("versions", newest, to_attr="newest_versions"))


def dataset_of(organisation: Organisation, dataset_id: str) -> Dataset:
    """Raises yours:not-found for what is foreign, deleted or not there: all look the same from outside."""
    dataset = datasets_of(organisation).filter(pk=dataset_id).first()
    if dataset is None:
        raise Problem("yours:not-found", "There is no such dataset here.")
    return dataset


def stored_bytes(organisation: Organisation) -> int:
    """The bytes of the uploads that living datasets keep."""
    kept = DatasetVersion.objects.of(organisation).filter(dataset__deleted_at=None).exclude(state="refused")
    return int(kept.aggregate(total=Sum("upload_bytes"))["total"] or 0)


def versions_of(dataset: Dataset) -> QuerySet[DatasetVersion]:
    return DatasetVersion.objects.of(dataset.organisation).filter(dataset=dataset)


def version_of(organisation: Organisation, dataset_id: str, version_id: str) -> DatasetVersion:
    """Raises yours:not-found."""
    rows = DatasetVersion.objects.of(organisation).select_related("dataset", "created_by")
    version = rows.filter(pk=version_id, dataset_id=dataset_id, dataset__deleted_at=None).first()
    if version is None:
        raise Problem("yours:not-found", "There is no such dataset version here.")
    return version


def stuck_checks(limit: int = 50) -> list[str]:
    """Ids of versions that nobody checks although somebody should."""
    now = timezone.now()
    forgotten = Q(state="received", created_at__lt=now - timedelta(seconds=RECEIVED_GRACE_S))
    lost = Q(state="checking", check_lease_until__lt=now)
    rows = DatasetVersion.objects.filter(forgotten | lost).order_by("created_at")
    return list(rows.values_list("pk", flat=True)[:limit])
