"""Delete a dataset: it disappears from every list and address; runs made from it keep their evidence."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.datasets.models import Dataset


@transaction.atomic
def delete_dataset(dataset: Dataset, *, by: User | ApiKey | None) -> None:
    """Doing it twice changes nothing."""
    if not Dataset.objects.filter(pk=dataset.pk, deleted_at=None).update(deleted_at=timezone.now()):
        return
    details = {"name": dataset.name}
    record_audit(
        dataset.organisation, actor=by or "system", action="dataset.delete", subject=dataset.pk, details=details
    )
