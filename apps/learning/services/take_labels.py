"""Take the labels of kept requests into the data: a new dataset version with those rows after the newest one's."""

import uuid
from typing import Any

from django.db import transaction

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.datasets.models import DatasetVersion
from apps.datasets.services.add_rows import ROWS_MOST, Image, add_rows
from apps.learning.kept import rows_kept
from apps.learning.models import LoggedRequest
from apps.learning.queries import labelled_requests
from apps.learning.rules import is_image
from apps.registry.models import Model
from contracts.problems import Problem

_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def take_labels(model: Model, *, by: User | ApiKey | None) -> DatasetVersion:
    """Raises yours:state when nothing is labelled, yours:dataset-not-ready without a version that can be added to."""
    newest = model.dataset.versions.filter(state="ready").order_by("-number").first()
    if newest is None:
        raise Problem("yours:dataset-not-ready", "The dataset has no version that is ready.", status=409)
    with transaction.atomic():  # two that take at once: the second finds nothing left
        requests = list(labelled_requests(model).select_for_update(of=("self",)).order_by("id")[:ROWS_MOST])
        rows = [row for request in requests for row in _rows(request, model)][:ROWS_MOST]
        if not rows:
            raise Problem("yours:state", "No request is labelled that is not in the data already.")
        grown = add_rows(newest, rows=rows, added_by=by)
        LoggedRequest.objects.filter(pk__in=[one.pk for one in requests]).update(taken_into=grown)
        record_audit(
            model.organisation,
            actor=by or "system",
            action="request_log.take_labels",
            subject=grown.pk,
            details={"model": model.pk, "rows": len(rows), "requests": len(requests)},
        )
    return grown


def _rows(request: LoggedRequest, model: Model) -> list[dict[str, Any] | Image]:
    if is_image(request.content_type):
        suffix = _SUFFIXES.get(request.content_type.partition(";")[0].strip(), "png")
        return [
            (label, f"{request.pk}-{uuid.uuid4().hex[:8]}.{suffix}", bytes(request.body))
            for label in request.labels.values()
        ]
    questions = rows_kept(request)
    found: list[dict[str, Any] | Image] = []
    for number, label in request.labels.items():
        if int(number) < len(questions):
            found.append({**questions[int(number)], model.target: label})
    return found
