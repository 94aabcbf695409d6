"""Says that something happened: one row in the caller's transaction; the outbox carries it to the webhooks."""

from collections.abc import Mapping
from typing import Any

from apps.accounts.models import Organisation
from apps.outbox.services.send import send
from apps.webhooks.models import Event
from apps.webhooks.rules import KINDS


def emit(organisation: Organisation, kind: str, data: Mapping[str, Any], *, dedupe_key: str) -> bool:
    """False: it was said before. `data` is plain JSON."""
    if kind not in KINDS:
        raise LookupError(f"{kind!r} is no event of webhooks.rules.KINDS")
    event, is_new = Event.objects.of(organisation).get_or_create(
        dedupe_key=dedupe_key, defaults={"organisation": organisation, "kind": kind, "data": dict(data)}
    )
    if is_new:
        send("webhook-event", {"event": event.pk}, dedupe_key=f"event:{event.pk}")
    return is_new
