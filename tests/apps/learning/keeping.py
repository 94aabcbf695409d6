"""Requests as a server ships them."""

import base64
import json
import time
from types import SimpleNamespace
from typing import Any

from apps.learning.models import LoggedRequest
from apps.learning.services.keep_requests import keep_requests
from contracts.ids import new_id
from contracts.request_log import KeptRequest


def kept(world: SimpleNamespace, rows: list[dict[str, Any]], said: list[str], **fields: Any) -> KeptRequest:
    """As a server ships it."""
    predictions = [{"label": label, "probabilities": {label: 1.0}} for label in said]
    values: dict[str, Any] = {
        "id": new_id("req"),
        "endpoint": world.endpoint.pk,
        "at_us": int(time.time() * 1e6),
        "status": 200,
        "deployment": world.endpoint.deployments.get(retired_at=None, shadow=False).pk,
        "model_version": world.first.pk,
        "request_id": "r-1",
        "key": "key_1",
        "latency_ms": 1.5,
        "units": len(rows),
        "content_type": "application/json",
        "body": base64.b64encode(json.dumps({"rows": rows}).encode()).decode(),
        "answer": json.dumps({"predictions": predictions}),
    }
    return KeptRequest(**values | fields)


def keep(world: SimpleNamespace, mass: float = 3.0, said: str = "a", **fields: Any) -> LoggedRequest:
    one = kept(world, [{"mass": mass}], [said], **fields)
    assert keep_requests([one]) == 1
    return LoggedRequest.objects.get(pk=one.id)
