"""Create a dataset: a name under which versions gather."""

from django.db import transaction

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.datasets.models import Dataset
from apps.datasets.services.people import person_behind
from contracts.jobs import TASKS
from contracts.problems import Problem


@transaction.atomic
def create_dataset(
    organisation: Organisation,
    *,
    name: str,
    task: str = "",
    description: str = "",
    created_by: User | ApiKey | None = None,
) -> Dataset:
    """`task` may stay empty: it is then inferred from each version."""
    dataset = Dataset(organisation=organisation, description=description, created_by=person_behind(created_by))
    dataset.name, dataset.task = checked_name(name), checked_task(task)
    dataset.save()
    record_audit(
        organisation,
        actor=created_by or "system",
        action="dataset.create",
        subject=dataset.pk,
        details={"name": dataset.name},
    )
    return dataset


def checked_name(name: str) -> str:
    """Return the name without surrounding space, or raise."""
    clean = name.strip()
    if not clean or len(clean) > 120 or not clean.isprintable():
        fault = {"location": "name", "message": "must be 1 to 120 printable characters", "fix": "Choose a short name."}
        raise Problem("yours:invalid", "The name is not valid.", errors=[fault])
    return clean


def checked_task(task: str) -> str:
    if task and task not in TASKS:
        fault = {"location": "task", "message": "is no task", "fix": f"Choose one of {', '.join(TASKS)}."}
        raise Problem("yours:invalid", "The task is not known.", errors=[fault])
    return task
