"""Lost updates are refused: an answer carries an ETag, a change may demand it with If-Match."""

import hashlib
import json
from typing import Any

from rest_framework.request import Request

from contracts.problems import Problem


def etag_of(document: Any) -> str:
    """A strong ETag over the rendered document (the dict that the answer is made of)."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def require_match(request: Request, document: Any) -> None:
    """Refuse with 412 when If-Match is sent and names another state. Call it with the row locked."""
    wanted = request.headers.get("If-Match", "").strip()
    if not wanted or wanted == "*":
        return
    etag = document if isinstance(document, str) else etag_of(document)
    if etag not in [part.strip().removeprefix("W/") for part in wanted.split(",")]:
        raise Problem("yours:stale")
