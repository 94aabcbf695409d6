"""Reads a predict request far enough to know its kind and its units; tensors come later."""

from __future__ import annotations

import json
from typing import Any

import orjson

from workers.serve.call import IMAGE, ROWS, Call
from workers.serve.images import CONTENT_TYPES
from workers.serve.problems import Refused, field_error


def weigh(call: Call, *, is_image: bool, max_rows: int) -> None:
    """Set kind, units and rows. Raises Refused."""
    content_type = call.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if call.headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refused("yours:unsupported-media", "Compressed request bodies are not accepted here.")
    if is_image:
        if content_type not in CONTENT_TYPES:
            raise Refused("yours:unsupported-media", "This endpoint takes image/jpeg, image/png or image/webp.")
        if not call.body:
            raise Refused("yours:malformed", "The body is empty.")
        call.kind, call.units = IMAGE, 1
        return
    if content_type != b"application/json":
        raise Refused("yours:unsupported-media", "This endpoint takes application/json.")
    call.rows = read_rows(call.take_body(), max_rows)
    call.kind, call.units = ROWS, len(call.rows)


def read_rows(body: bytes, max_rows: int) -> list[dict[str, Any]]:
    """Return the list under `rows`. Raises Refused."""
    document = read_json(body)
    if not isinstance(document, dict) or "rows" not in document:
        raise _invalid("", 'the body must be an object with "rows"')
    rows = document["rows"]
    if not isinstance(rows, list):
        raise _invalid("rows", "must be a list of objects")
    if not rows:
        raise _invalid("rows", "must hold at least one row")
    if len(rows) > max_rows:
        raise Refused("yours:too-large", f"{len(rows)} rows; at most {max_rows} are taken at once.")
    if len(document) > 1:
        other = next(name for name in document if name != "rows")
        raise _invalid(other[:100], "is not known here")
    try:
        names = sum(map(len, rows)) + 1
    except TypeError:
        raise _invalid("rows", "must be a list of objects") from None
    # Each name is followed by a colon: more of those than names means a repeated name, or a colon inside a text.
    if body.count(b'":') + body.count(b'" :') != names:
        _refuse_repeated_names(body)
    return rows


def read_json(body: bytes) -> Any:
    """Strict JSON: no NaN, no Infinity, nothing after the end. Raises Refused."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("yours:malformed", f"It is not JSON: {error}.") from None


def _refuse_repeated_names(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_unique)
    except (RecursionError, ValueError) as error:
        raise Refused("yours:malformed", f"It is nested too deeply ({type(error).__name__}).") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Refused("yours:malformed", f"The name {twice[:100]!r} stands twice in one object.")
    return names


def _invalid(location: str, message: str) -> Refused:
    error = field_error(location or "body", message, 'Send {"rows": [{"column": value, …}, …]}.')
    return Refused("yours:invalid", errors=[error])
