"""Leases are counted on PostgreSQL's clock, the only one that all processes share."""

from datetime import datetime, timedelta
from typing import cast

from django.db import connection
from django.db.models import Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from contracts.jobs import LEASE_S


def from_now(seconds: float) -> CombinedExpression:
    """An expression: PostgreSQL's present plus so many seconds."""
    return Now() + Value(timedelta(seconds=seconds))


def lease_end() -> CombinedExpression:
    """An expression: when a lease that is renewed now ends."""
    return from_now(LEASE_S)


def database_now() -> datetime:
    """PostgreSQL's present, for arithmetic with times that it wrote."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return cast(datetime, now)
