"""Pure decisions about kept requests: how much is kept, what its rows are, what was said about each."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.manifests import ModelManifest

ROWS_READ_MOST = 1_000  # of one request; more are not shown apart
LABEL_MOST = 200  # letters
REPLAY_ROWS_MOST = 1_000


def rows_of(body: bytes, content_type: str, protocol: str, manifest: ModelManifest | None) -> list[dict[str, Any]]:
    """The rows of a kept question; none when it is an image or cannot be read. A plain text is a row of one column."""
    if protocol != "predict" or not body:
        return []
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "text/plain":
            name = next((one.name for one in manifest.columns if one.type == "text"), "") if manifest else ""
            return [{name: body.decode()}] if name else []
        rows = json.loads(body).get("rows") if kind == "application/json" else None
    except (ValueError, AttributeError, RecursionError):
        return []
    return [row for row in rows[:ROWS_READ_MOST] if isinstance(row, dict)] if isinstance(rows, list) else []


def is_image(content_type: str) -> bool:
    return content_type.startswith("image/")


def predictions_of(answer: Any) -> list[dict[str, Any]]:
    found = answer.get("predictions") if isinstance(answer, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def in_short(prediction: Mapping[str, Any]) -> str:
    """What a prediction says, in a few words that two versions can be compared by."""
    if "label" in prediction:
        return str(prediction["label"])
    if isinstance(prediction.get("value"), int | float):
        return f"{prediction['value']:.6g}"
    if isinstance(prediction.get("items"), list):
        return ", ".join(str(one.get("item", "")) for one in prediction["items"][:5] if isinstance(one, dict))
    if isinstance(prediction.get("forecast"), list):
        values = [one.get("value") for one in prediction["forecast"][:5] if isinstance(one, dict)]
        return ", ".join(f"{value:.4g}" for value in values if isinstance(value, int | float))
    return ""


def answers_of_result(text: str, kind: str) -> dict[int, tuple[str, str]]:
    """A batch's result file: number of the row -> (what was said, why nothing was said)."""
    found: dict[int, tuple[str, str]] = {}
    for line in csv.DictReader(io.StringIO(text)):
        said = (line.get("prediction") or "").removeprefix("'")
        if kind == "regression" and said:
            said = f"{float(said):.6g}"
        elif kind == "ranking" and said:
            said = ", ".join(str(item) for item in json.loads(said)[:5])
        elif kind == "forecast":
            steps = [line.get(f"value_{step}") for step in range(1, 6)]
            said = ", ".join(f"{float(step):.4g}" for step in steps if step)
        found[int(line["row"])] = (said, line.get("error") or "")
    return found


def agree(one: str, other: str, kind: str) -> bool:
    """Numbers agree within a millionth, words when they are the same."""
    if kind != "regression":
        return one == other
    try:
        a, b = float(one), float(other)
    except ValueError:
        return one == other
    return abs(a - b) <= 1e-5 * max(1.0, abs(a), abs(b))


def label_objection(label: str, classes: Sequence[str], kind: str) -> str:
    """Why a label cannot be an answer of this model; empty when it can. A new class is allowed: data may grow one."""
    if not label.strip() or len(label) > LABEL_MOST:
        return f"write 1 to {LABEL_MOST} letters"
    if kind == "regression":
        try:
            float(label)
        except ValueError:
            return "write a number"
    return ""
