"""How a line of the audit log is hashed: over all its fields and the hash of the line before it."""

import hashlib
import json
from typing import Any

from apps.accounts.models import AuditEntry


def hash_of(entry: AuditEntry) -> str:
    fields = [
        entry.organisation_id,
        entry.actor,
        entry.actor_label,
        entry.action,
        entry.subject,
        entry.details,
        entry.address,
        entry.at.isoformat(),
        entry.previous_hash,
    ]
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def plain(value: Any) -> Any:
    """Only what jsonb gives back letter by letter: fractions become text, or the hash of a read row would differ."""
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).replace("\x00", "")
