"""Writes many usage events in one statement; those whose id is there already are left as they are."""

from collections.abc import Iterable

from django.db import connection

from apps.metering.models import UsageEvent

_COLUMNS = {
    "id": "text",
    "organisation_id": "text",
    "meter": "text",
    "endpoint": "text",
    "key": "text",
    "model_version": "text",
    "run": "text",
    "units": "bigint",
    "price": "text",
    "amount_micros": "bigint",
    "currency": "text",
    "occurred_at": "timestamptz",
    "period": "date",
    "late": "boolean",
    "ledger_ref": "text",
    "node": "text",
}
_INSERT = (
    f"INSERT INTO metering_usageevent ({', '.join(_COLUMNS)}, recorded_at) "
    f"SELECT part.*, now() FROM unnest({', '.join(f'%s::{kind}[]' for kind in _COLUMNS.values())}) AS part "
    "ON CONFLICT (id) DO NOTHING RETURNING id"
)


def insert_events(events: Iterable[UsageEvent]) -> set[str]:
    """Return the ids that are new. Runs in the caller's transaction.

    Sorted by id, because two posts that insert the same ids in different orders would wait for each other.
    """
    rows = sorted(events, key=lambda event: event.id)
    if not rows:
        return set()
    columns = [[getattr(row, name) for row in rows] for name in _COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, columns)
        return {row[0] for row in cursor.fetchall()}
