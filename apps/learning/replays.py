"""A replay read back: what was said then beside what the other version says now."""

from dataclasses import dataclass
from typing import Any

from django.core.files.storage import default_storage

from apps.learning.kept import rows_shown
from apps.learning.models import LoggedRequest, Replay
from apps.learning.rules import agree, answers_of_result
from contracts.manifests import ModelManifest
from contracts.wire import from_wire


@dataclass(frozen=True)
class Pair:
    request: str
    row: int
    values: dict[str, Any]
    then: str
    now: str
    problem: str  # why there is nothing now
    agrees: bool | None  # None: one side said nothing


def pairs_of(replay: Replay) -> list[Pair]:
    """In the order of the requests; empty until the batch has its result. Requests forgotten meanwhile are left out."""
    if not replay.batch.result_key:
        return []
    kind = from_wire(ModelManifest, replay.model_version.manifest).meaning.kind
    with default_storage.open(replay.batch.result_key) as file:
        now = answers_of_result(file.read().decode(), kind)
    kept = LoggedRequest.objects.of(replay.organisation).select_related("model_version")
    shown = {one.pk: rows_shown(one) for one in kept.filter(pk__in={request for request, _ in replay.rows})}
    first = min(now, default=0)  # the result counts its rows from where the batch does
    pairs = []
    for place, (request, number) in enumerate(replay.rows):
        rows = shown.get(request, [])
        if number >= len(rows):
            continue
        row = rows[number]
        said, problem = now.get(place + first, ("", "no answer"))
        same = None if not row.said or not said else agree(row.said, said, kind)
        pairs.append(Pair(request, number, row.values, row.said, said, problem, same))
    return pairs
