"""Long answers (streams, downloads) give their database connection back to the pool before they begin."""

from django.db import connection


def give_connection_back() -> None:
    """Close this thread's connection unless a transaction is open on it; the next query takes a new one."""
    if not connection.in_atomic_block:
        connection.close()
