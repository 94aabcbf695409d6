"""Posts one balanced transaction to the ledger; the same `ref` posted twice counts once."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.ledger.models import LedgerEntry, LedgerTransaction

_INSERT = """
INSERT INTO ledger_ledgertransaction (kind, ref, organisation_id, at, recorded_at, note)
VALUES (%s, %s, %s, %s, now(), %s) ON CONFLICT (ref) DO NOTHING RETURNING id
"""


def post(
    kind: str,
    *,
    ref: str,
    organisation: Organisation | None,
    entries: Mapping[str, int],
    currency: str,
    at: datetime | None = None,
    note: str = "",
) -> LedgerTransaction | None:
    """Write the transaction and its entries (account -> signed micros). None: `ref` is there already."""
    rows = {account: amount for account, amount in entries.items() if amount}
    if not rows or sum(rows.values()) != 0:
        raise ValueError(f"ledger entries of {ref} must be present and sum to zero: {dict(entries)}")
    moment = at or timezone.now()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [kind, ref, organisation.pk if organisation else None, moment, note[:300]])
            row = cursor.fetchone()
        if row is None:
            return None
        made = LedgerTransaction(id=row[0], kind=kind, ref=ref, organisation=organisation, at=moment, note=note)
        LedgerEntry.objects.bulk_create(
            LedgerEntry(transaction=made, account=account, currency=currency, amount_micros=amount)
            for account, amount in rows.items()
        )
        return made
