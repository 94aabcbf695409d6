"""Reads a predict request far enough to know its kind and its units; tensors come later."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import orjson

from contracts.manifests import ModelManifest
from workers.serve.call import IMAGE, IMAGES, ROWS, Call
from workers.serve.images import CONTENT_TYPES
from workers.serve.multipart import read_parts
from workers.serve.problems import Refused, field_error

if TYPE_CHECKING:
    from workers.serve.sessions import Model

_CHARSET = re.compile(rb"""charset="?([0-9A-Za-z_-]+)""", re.IGNORECASE)


def weigh(call: Call, model: Model, max_rows: int) -> None:
    """Set kind, units and rows. Raises Refused."""
    header = call.headers.get(b"content-type", b"")
    content_type = header.partition(b";")[0].strip().lower()
    if call.headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refused("yours:unsupported-media", "Compressed request bodies are not accepted here.")
    if model.is_image:
        _weigh_images(call, header, content_type)
        return
    if content_type == b"application/json":
        call.rows = read_rows(call.take_body(), max_rows)
    elif content_type == b"text/plain":
        call.rows = [text_row(call.take_body(), header, model.manifest)]
    else:
        raise Refused("yours:unsupported-media", "This endpoint takes application/json.")
    call.kind, call.units = ROWS, len(call.rows)


def _weigh_images(call: Call, header: bytes, content_type: bytes) -> None:
    if not call.body:
        raise Refused("yours:malformed", "The body is empty.")
    if content_type == b"multipart/form-data":
        call.rows = [{"name": name, "data": data} for name, data in read_parts(call.take_body(), header)]
        call.body = b""
        call.kind, call.units = IMAGES, len(call.rows)
        return
    image_type(call)
    call.kind, call.units = IMAGE, 1


def image_type(call: Call) -> None:
    """Raises Refused for a body that is no image, by what it is said to be."""
    if not call.body:
        raise Refused("yours:malformed", "The body is empty.")
    content_type = call.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if content_type not in CONTENT_TYPES:
        known = "image/jpeg, image/png or image/webp, or several of them as multipart/form-data"
        raise Refused("yours:unsupported-media", f"This endpoint takes {known}.")


def text_row(body: bytes, header: bytes, manifest: ModelManifest) -> dict[str, Any]:
    """The whole body is the value of the model's one text column. Raises Refused."""
    used = [column for column in manifest.columns if column.tensor]
    texts = [column for column in used if column.type == "text"]
    if len(texts) != 1 or any(column.required for column in used if column is not texts[0]):
        raise Refused("yours:unsupported-media", "This endpoint takes application/json: it needs more than one text.")
    charset = _CHARSET.search(header)
    if charset is not None and charset[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Refused("yours:unsupported-media", "Texts are taken in UTF-8.")
    try:
        return {texts[0].name: body.decode()}
    except UnicodeDecodeError as error:
        raise Refused("yours:malformed", f"Byte {error.start} of the body is not UTF-8.") from None


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
    if body.count(b":") != names and body.count(b'":') + body.count(b'" :') != names:
        refuse_repeated_names(body)
    return rows


def read_json(body: bytes) -> Any:
    """Strict JSON: no NaN, no Infinity, nothing after the end. Raises Refused."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("yours:malformed", f"It is not JSON: {error}.") from None


def refuse_repeated_names(body: bytes) -> None:
    """Raises Refused."""
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
