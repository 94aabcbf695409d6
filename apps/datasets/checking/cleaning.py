"""Makes any value fit for strict JSON and for PostgreSQL: finite numbers, no NUL, no lone surrogates, bounded text."""

import datetime
import math
from typing import Any

CELL_CHARS = 200


def json_safe(value: Any) -> Any:
    """Return the value with everything a JSON column would refuse replaced."""
    if isinstance(value, dict):
        return {clean_text(str(key)): json_safe(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(part) for part in value]
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value


def clean_text(text: str) -> str:
    """Without NUL and lone surrogates, which neither UTF-8 nor PostgreSQL can hold."""
    if text.isascii():
        return text.replace("\x00", "\ufffd")
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def cell(value: Any) -> Any:
    """A table cell for a preview: long text is cut with an ellipsis."""
    if isinstance(value, str) and len(value) > CELL_CHARS:
        return value[: CELL_CHARS - 1] + "…"
    return value
