"""Two versions on the same rows: those that the newcomer answered unseen, asked of the serving version as a batch."""

import csv
import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.core.files.storage import default_storage

from apps.datasets.models import DatasetVersion
from apps.learning.models import Retraining
from apps.learning.retraining_rules import Comparison, chosen_rows, compare, loss_of
from apps.registry.models import ModelVersion
from apps.registry.queries import evaluation_of
from contracts.manifests import ModelManifest
from contracts.wire import from_wire

_IMAGES = (".png", ".jpg", ".jpeg", ".webp")
_CHAIN_MOST = 50


@dataclass(frozen=True)
class Question:
    name: str
    content: bytes
    places: list[int]  # positions in the newcomer's `unseen`
    fresh: int


def question_of(one: Retraining) -> Question | None:
    """None when the newcomer's evaluation does not say how it answered single rows."""
    if one.new_version is None or one.serving_version is None or one.dataset_version is None:
        return None
    unseen = evaluation_of(one.new_version).unseen
    if not unseen.get("rows"):
        return None
    places, fresh = chosen_rows(unseen, fresh_from(one.dataset_version, one.serving_version))
    numbers = [int(unseen["rows"][place]) for place in places]
    is_images = one.dataset_version.format == "zip"
    with default_storage.open(one.dataset_version.canonical_key) as file:
        stored = file.read()
    content = _images(stored, numbers) if is_images else _lines(stored, numbers, one.serving_version.model.target)
    return Question("compare.zip" if is_images else "compare.jsonl", content, places, fresh)


def fresh_from(data: DatasetVersion, serving: ModelVersion) -> int | None:
    """The first row that was added after the serving version's data, when the one grew out of the other."""
    step: DatasetVersion | None = data
    for _ in range(_CHAIN_MOST):
        if step is None:
            return None
        if step.pk == serving.dataset_version_id:
            return step.rows
        step = step.extends
    return None


def comparison_of(one: Retraining) -> Comparison | None:
    """None when the serving version answered none of the rows."""
    if one.new_version is None or one.serving_version is None or one.batch is None:
        return None
    unseen = evaluation_of(one.new_version).unseen
    ours, theirs = _classes(one.new_version), _classes(one.serving_version)
    said = _said(one.batch.result_key, theirs)
    now, new, right = [], [], []
    for place, position in enumerate(one.comparison["places"]):
        if place not in said:
            continue  # the serving version refused the row; both are judged on what both answered
        truth, answer = unseen["truth"][position], unseen["answers"][position]
        now.append(loss_of(truth, said[place], theirs))
        new.append(loss_of(truth, answer, ours))
        if ours:
            right.append((_top(theirs, said[place]) == truth, _top(ours, answer) == truth))
    if not now:
        return None
    shares: list[float | None] = (
        [sum(column) / len(right) for column in zip(*right, strict=True)] if right else [None, None]
    )
    return compare(now, new, one.comparison["fresh"], right_now=shares[0], right_new=shares[1])


def _classes(version: ModelVersion) -> list[str]:
    return from_wire(ModelManifest, version.manifest).meaning.classes


def _top(classes: Sequence[str], shares: Sequence[float]) -> str:
    return max(zip(classes, shares, strict=False), key=lambda pair: pair[1])[0]


def _said(key: str, classes: Sequence[str]) -> dict[int, Any]:
    """A result file: row → probabilities by class, or the value. The columns come in the order of the classes."""
    with default_storage.open(key) as file:
        lines = csv.reader(io.StringIO(file.read().decode()))
    head = next(lines)
    first = head.index("prediction")
    found: dict[int, Any] = {}
    for line in lines:
        if line[-1] or not line[first]:
            continue
        values = line[first + 1 : first + 1 + len(classes)] if classes else line[first : first + 1]
        numbers = [float(value) for value in values]
        found[int(line[0])] = numbers if classes else numbers[0]
    return found


def _lines(stored: bytes, numbers: list[int], target: str) -> bytes:
    table = pq.read_table(pa.BufferReader(stored))
    rows = table.select([name for name in table.column_names if name != target]).take(numbers).to_pylist()
    lines = (json.dumps({name: _known(value) for name, value in row.items()}, default=_as_text) for row in rows)
    return "\n".join(lines).encode() + b"\n"


def _known(value: Any) -> Any:
    """What is not a number is missing."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _images(stored: bytes, numbers: list[int]) -> bytes:
    """Numbered in the order of the archive, as training numbers them."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(stored)) as old, zipfile.ZipFile(out, "w") as new:
        names = [name for name in old.namelist() if PurePosixPath(name).suffix.lower() in _IMAGES]
        for place, number in enumerate(numbers):
            new.writestr(f"{place:05d}{PurePosixPath(names[number]).suffix.lower()}", old.read(names[number]))
    return out.getvalue()
