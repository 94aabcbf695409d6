"""Record that a message had its effect, in the effect's own transaction, so that it has it once."""

from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.outbox.models import InboxMessage


def receive_once(consumer: str, message_id: str, payload: dict[str, Any]) -> bool:
    """Return True for the first receipt; False when this consumer has already applied the message.

    Must run inside the transaction of the effect: if the effect fails, the receipt vanishes with it. A concurrent
    receiver waits here until the first one has committed or rolled back.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("receive_once belongs into the transaction of its effect")
    _, is_first = InboxMessage.objects.get_or_create(
        consumer=consumer, message_id=message_id, defaults={"payload": payload, "applied_at": timezone.now()}
    )
    return is_first
