"""Ask kept requests again of another version: a batch over their rows, charged as any batch."""

import io
import json
import zipfile
from collections.abc import Sequence

from django.db import transaction

from apps.accounts.models import ApiKey, User
from apps.endpoints.models import Endpoint
from apps.endpoints.services.start_batch import start_batch
from apps.learning.kept import rows_kept
from apps.learning.models import LoggedRequest, Replay
from apps.learning.rules import REPLAY_ROWS_MOST, is_image
from apps.registry.models import ModelVersion
from contracts.problems import Problem

_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def start_replay(
    endpoint: Endpoint, *, model_version: ModelVersion, requests: Sequence[LoggedRequest], by: User | ApiKey
) -> Replay:
    """Raises yours:invalid when no question of these requests is kept, or there are too many rows."""
    images = [one for one in requests if is_image(one.content_type) and one.body]
    content, name, rows = _images(images) if images else _lines(requests)
    if not rows:
        raise _wrong("have no question that can be asked again", "choose requests of /v1/predict whose input is kept")
    if len(rows) > REPLAY_ROWS_MOST:
        raise _wrong(f"have {len(rows)} rows", f"replay at most {REPLAY_ROWS_MOST} rows at once")
    with transaction.atomic():
        batch = start_batch(
            endpoint.organisation,
            model_version=model_version,
            endpoint=endpoint,
            file=io.BytesIO(content),
            file_name=name,
            started_by=by,
        )
        return Replay.objects.create(
            organisation=endpoint.organisation,
            endpoint=endpoint,
            model_version=model_version,
            batch=batch,
            rows=[list(row) for row in rows],
        )


def _lines(requests: Sequence[LoggedRequest]) -> tuple[bytes, str, list[tuple[str, int]]]:
    lines, rows = [], []
    for request in requests:
        for number, values in enumerate(rows_kept(request)):
            lines.append(json.dumps(values, ensure_ascii=False))
            rows.append((request.pk, number))
    return "\n".join(lines).encode() + b"\n", "replay.jsonl", rows


def _images(requests: Sequence[LoggedRequest]) -> tuple[bytes, str, list[tuple[str, int]]]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for place, request in enumerate(requests):
            suffix = _SUFFIXES.get(request.content_type.partition(";")[0].strip(), "png")
            archive.writestr(f"{place:05d}.{suffix}", bytes(request.body))
    return file.getvalue(), "replay.zip", [(request.pk, 0) for request in requests]


def _wrong(message: str, fix: str) -> Problem:
    return Problem("yours:invalid", errors=[{"location": "requests", "message": message, "fix": fix}])
