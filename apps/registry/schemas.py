"""The answers of the registry's REST addresses as OpenAPI shows them."""

from typing import Any

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_NUMBERS = {"type": "object", "additionalProperties": {"type": "number"}}
_ANY_OBJECT = {"type": "object", "additionalProperties": True}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _page_of(item: dict[str, Any]) -> dict[str, Any]:
    cursor = {"oneOf": [_TEXT, {"type": "null"}]}
    return _object(data={"type": "array", "items": item}, has_more={"type": "boolean"}, next_cursor=cursor)


_SHORT: dict[str, dict[str, Any]] = {
    "id": _TEXT,
    "number": _WHOLE,
    "family": _TEXT,
    "metrics": _NUMBERS,
    "created_at": _TEXT,
}
MODEL = _object(
    id=_TEXT,
    object=_TEXT,
    name=_TEXT,
    task=_TEXT,
    target=_TEXT,
    dataset=_TEXT,
    versions=_WHOLE,
    latest_version={"oneOf": [_object(**_SHORT), {"type": "null"}]},
    created_at=_TEXT,
    updated_at=_TEXT,
)
MODEL_PAGE = _page_of(MODEL)
_FILE = _object(sha256=_TEXT, size_bytes=_WHOLE, url=_TEXT)
_VERSION: dict[str, dict[str, Any]] = {
    **_SHORT,
    "object": _TEXT,
    "model": _TEXT,
    "name": _TEXT,
    "task": _TEXT,
    "target": _TEXT,
    "run": _TEXT,
    "dataset_version": _TEXT,
    "model_sha256": _TEXT,
    "model_bytes": _WHOLE,
    "baseline": _NUMBERS,
    "parity": _ANY_OBJECT,
    "manifest": _ANY_OBJECT,
    "energy_wh": {"type": "number"},
    "cost_micros": _WHOLE,
    "files": {"type": "object", "additionalProperties": _FILE},
}
_CHECK = _object(name=_TEXT, passed={"type": "boolean"}, message=_TEXT, is_blocking={"type": "boolean"})
VERSION_PAGE = _page_of(_object(**_VERSION))
VERSION = _object(**_VERSION, promotion={"type": "array", "items": _CHECK})
