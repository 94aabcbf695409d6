"""Write down the right answer to a row of a kept request; it waits there until labels are taken into the data."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.learning.kept import rows_kept
from apps.learning.models import LoggedRequest
from apps.learning.rules import is_image, label_objection
from contracts.manifests import ModelManifest
from contracts.problems import Problem
from contracts.wire import from_wire

KINDS = ("classification", "regression")


def label_request(request: LoggedRequest, *, row: int = 0, label: str, by: User | ApiKey) -> LoggedRequest:
    """An empty label takes it back. Raises yours:invalid for a row that is not there, yours:state once it is taken."""
    version = request.model_version
    if version is None:
        raise Problem("yours:state", "The request was refused before a model saw it; there is nothing to correct.")
    meaning = from_wire(ModelManifest, version.manifest).meaning
    if meaning.kind not in KINDS:
        raise Problem("yours:state", "Only labels and values can be corrected; this model gives neither.")
    known = 1 if is_image(request.content_type) and request.body else len(rows_kept(request))
    if not 0 <= row < known:
        raise _wrong("row", f"is {row}; {known} rows of the question are kept", "choose one of them, counted from 0")
    objection = label_objection(label, meaning.classes, meaning.kind) if label.strip() else ""
    if objection:
        raise _wrong("label", "cannot be an answer", objection)
    with transaction.atomic():
        locked = LoggedRequest.objects.select_for_update().get(pk=request.pk)
        if locked.taken_into_id:
            raise Problem("yours:state", "This request is in the data already; correct it there.")
        if label.strip():
            locked.labels[str(row)] = label.strip()
        else:
            locked.labels.pop(str(row), None)
        locked.labelled_by = by.created_by if isinstance(by, ApiKey) else by
        locked.labelled_at = timezone.now() if locked.labels else None
        locked.save(update_fields=["labels", "labelled_by", "labelled_at"])
    return locked


def _wrong(location: str, message: str, fix: str) -> Problem:
    return Problem("yours:invalid", errors=[{"location": location, "message": message, "fix": fix}])
