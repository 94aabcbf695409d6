"""Write one line of the audit log, chained to the line before it.

Call it as the last step of a service: it holds the organisation's chain until the transaction ends.
"""

from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.audit_chain import hash_of, plain
from apps.accounts.models import ApiKey, AuditEntry, Organisation, User

Actor = User | ApiKey | str  # a string names the system or a command: "system"


def record_audit(
    organisation: Organisation | None,
    *,
    actor: Actor,
    action: str,
    subject: str = "",
    details: dict[str, Any] | None = None,
    address: str | None = None,
) -> AuditEntry:
    """`organisation` is None for what concerns the whole installation, such as a switch."""
    with transaction.atomic():
        _take_chain(organisation)
        last = AuditEntry.objects.filter(organisation=organisation).order_by("-id").first()
        actor_id, label = _named(actor)
        entry = AuditEntry(
            organisation=organisation,
            actor=actor_id,
            actor_label=label,
            action=action,
            subject=subject,
            details=plain(details or {}),
            address=address or None,
            at=timezone.now(),
            previous_hash=last.hash if last else "",
        )
        entry.hash = hash_of(entry)
        entry.save(force_insert=True)
        return entry


def _take_chain(organisation: Organisation | None) -> None:
    """One writer per chain: without this two transactions would both follow the same last line."""
    name = f"audit:{organisation.pk if organisation else ''}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _named(actor: Actor) -> tuple[str, str]:
    if isinstance(actor, str):
        return actor, actor
    return actor.pk, str(actor)[:200]
