"""Reads which months are still open, and keeps them open until the caller's transaction ends."""

from collections.abc import Iterable
from datetime import date

from django.db import connection

from apps.metering.models import PeriodWatermark


def lock_open_months(organisation_ids: Iterable[str]) -> dict[str, date]:
    """Return organisation id -> first open month. A closing of the month waits for the caller, and the other way."""
    ids = sorted(set(organisation_ids))
    if not ids:
        return {}
    PeriodWatermark.objects.bulk_create(
        (PeriodWatermark(organisation_id=organisation_id) for organisation_id in ids), ignore_conflicts=True
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT organisation_id, open_from FROM metering_periodwatermark "
            "WHERE organisation_id = ANY(%s) ORDER BY organisation_id FOR SHARE",
            [ids],
        )
        return dict(cursor.fetchall())
