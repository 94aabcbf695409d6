"""Rename a dataset, change its task or description."""

from collections.abc import Callable

from django.db import transaction

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.datasets.models import Dataset
from apps.datasets.services.create_dataset import checked_name, checked_task


def _accept(_dataset: Dataset) -> None:
    return None


@transaction.atomic
def change_dataset(
    dataset: Dataset,
    *,
    by: User | ApiKey | None,
    name: str | None = None,
    task: str | None = None,
    description: str | None = None,
    when: Callable[[Dataset], None] = _accept,
) -> Dataset:
    """`when` looks at the locked row and raises if the change must not happen (If-Match)."""
    locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
    when(locked)
    if name is not None:
        locked.name = checked_name(name)
    if task is not None:
        locked.task = checked_task(task)
    if description is not None:
        locked.description = description
    locked.save()
    details = {"name": locked.name, "task": locked.task}
    record_audit(locked.organisation, actor=by or "system", action="dataset.change", subject=locked.pk, details=details)
    return locked
