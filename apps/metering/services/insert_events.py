"""Writes many usage events in one statement; those whose id is there already are left as they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter

import orjson
from django.db import connection

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
_NAMES = ", ".join(_COLUMNS)
# One JSON parameter: sixteen arrays of thousands of texts cost more to write than all the rest of the work.
_INSERT = f"""
INSERT INTO metering_usageevent ({_NAMES}, recorded_at)
SELECT {_NAMES}, now() FROM json_to_recordset(%s::json)
AS part({", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())})
ON CONFLICT (id) DO NOTHING RETURNING id
"""


@dataclass(slots=True)
class EventRow:
    """A usage event on its way into the table; a plain row, because model instances cost ten times as much."""

    id: str
    organisation_id: str
    meter: str
    endpoint: str
    key: str
    model_version: str
    run: str
    units: int
    price: str
    amount_micros: int
    currency: str
    occurred_at: datetime
    period: date
    late: bool
    ledger_ref: str
    node: str = ""


def insert_events(events: Iterable[EventRow]) -> set[str]:
    """Return the ids that are new. Runs in the caller's transaction.

    Sorted by id, because two posts that insert the same ids in different orders would wait for each other.
    """
    rows = sorted(events, key=attrgetter("id"))
    if not rows:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [orjson.dumps(rows).decode()])
        return {row[0] for row in cursor.fetchall()}
