"""Kept requests as their rows: what was asked, what was said, what would have been right."""

from dataclasses import dataclass
from typing import Any

from apps.learning.models import LoggedRequest
from apps.learning.rules import in_short, is_image, predictions_of, rows_of
from contracts.manifests import ModelManifest
from contracts.wire import from_wire


@dataclass(frozen=True)
class Row:
    number: int
    values: dict[str, Any]
    said: str  # in short
    prediction: dict[str, Any]
    label: str


def rows_kept(request: LoggedRequest) -> list[dict[str, Any]]:
    version = request.model_version
    manifest = from_wire(ModelManifest, version.manifest) if version else None
    return rows_of(bytes(request.body), request.content_type, request.protocol, manifest)


def rows_shown(request: LoggedRequest) -> list[Row]:
    """A row of an image has no values."""
    questions = [{}] if is_image(request.content_type) and request.body else rows_kept(request)
    said = predictions_of(request.answer)
    rows = []
    for number, values in enumerate(questions):
        prediction = said[number] if number < len(said) else {}
        rows.append(Row(number, values, in_short(prediction), prediction, request.labels.get(str(number), "")))
    return rows
