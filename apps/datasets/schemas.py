"""The answers of the dataset addresses as OpenAPI shows them."""

from typing import Any

from apps.datasets.checking.column_types import TYPES
from contracts.jobs import TASKS

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_ANYTHING = {"type": "object", "additionalProperties": {}}
_MAYBE_TEXT = {"type": ["string", "null"]}
_TASK = {"type": "string", "enum": ["", *TASKS]}


def _object(about: str = "", /, **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": about, "properties": properties, "required": list(properties)}


def _list_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _page_of(item: dict[str, Any]) -> dict[str, Any]:
    return _object(data=_list_of(item), has_more={"type": "boolean"}, next_cursor=_MAYBE_TEXT)


ISSUE = _object(
    "`yours:*` refuses the file, `data:*` is worth knowing.",
    code=_TEXT,
    severity={"type": "string", "enum": ["error", "warning", "info"]},
    message=_TEXT,
    location=_TEXT,
    fix=_TEXT,
)
COLUMN = {
    "type": "object",
    "description": "Also mean, quantiles, histogram, categories and top where they make sense.",
    "properties": {
        "name": _TEXT,
        "type": {"type": "string", "enum": list(TYPES)},
        "evidence": {**_TEXT, "description": "Why this type."},
        "missing": _WHOLE,
        "missing_share": {"type": "number"},
        "unique": _WHOLE,
        "minimum": {"type": ["number", "string", "null"]},
        "maximum": {"type": ["number", "string", "null"]},
        "categories": _list_of(_TEXT),
    },
    "required": ["name", "type", "missing"],
}
_LISTED: dict[str, dict[str, Any]] = {
    "id": _TEXT,
    "object": {"type": "string", "enum": ["dataset_version"]},
    "dataset": _TEXT,
    "number": _WHOLE,
    "state": {"type": "string", "enum": ["checking", "ready", "refused"]},
    "file_name": _TEXT,
    "format": {"type": ["string", "null"], "enum": ["parquet", "zip", None]},
    "rows": {**_WHOLE, "description": "Rows of a table, images of a ZIP."},
    "bytes": {**_WHOLE, "description": "As uploaded."},
    "sha256": {**_MAYBE_TEXT, "description": "Of the checked content; null until ready."},
    "upload_sha256": _TEXT,
    "inferred_task": _TEXT,
    "inferred_target": _TEXT,
    "issues": _list_of(ISSUE),
    "created_at": {"type": "string", "format": "date-time"},
    "checked_at": {"type": ["string", "null"], "format": "date-time"},
}
VERSION_IN_LIST = _object(**_LISTED)
PREVIEW = _object(
    "Tables: `columns` and the first 50 `rows`. Images: up to 24 `thumbnails` {label, file, data_uri}.",
    preview=_ANYTHING,
)
VERSION = _object(
    **_LISTED,
    columns=_list_of(COLUMN),
    classes=_list_of(_object(label=_TEXT, count=_WHOLE)),
    profile=_ANYTHING,
    splits=_object(kind=_TEXT, seed=_WHOLE, test_share={"type": "number"}, valid_share={"type": "number"}),
    options=_ANYTHING,
    already_uploaded={"type": "boolean", "description": "These bytes were already here: no new version was made."},
)
DATASET = _object(
    id=_TEXT,
    object={"type": "string", "enum": ["dataset"]},
    name=_TEXT,
    task=_TASK,
    description=_TEXT,
    created_at={"type": "string", "format": "date-time"},
    updated_at={"type": "string", "format": "date-time"},
    version_count=_WHOLE,
    newest_version={"oneOf": [VERSION_IN_LIST, {"type": "null"}]},
)
DATASET_PAGE = _page_of(DATASET)
VERSION_PAGE = _page_of(VERSION_IN_LIST)
UPLOAD = {
    "type": "object",
    "properties": {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "CSV, TSV, JSON lines, Parquet (optionally .gz) or ZIP.",
        },
        "options": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": 'JSON: {"types": {column: type}, "target": column, "task": task, "missing": ["NA", …], '
            '"roles": {"user": column, "item": column, …}}',
        },
        "sha256": {
            "type": "string",
            "description": "Of the file, in hexadecimal: another one that arrives is refused.",
        },
    },
    "required": ["file"],
}
