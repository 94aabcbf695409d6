"""Dates and times as text become seconds since 1970: the one step that a model with date columns leaves to its codec.

Everything after it (year, month, weekday, hour) is computed inside the graph from the float64 seconds.
"""

import re
from datetime import UTC, datetime

_ISO = re.compile(
    r"(\d{4}-\d{2})(-\d{2})?(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?)?\s?(Z|UTC|[+-]\d{2}:?\d{2})?"
)


def seconds_of(text: str) -> float | None:
    """Seconds since 1970 UTC of an ISO 8601 date or time; without a zone it counts as UTC. None when it is neither."""
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    month, day, clock, fraction, zone = found.groups()
    shift = "+00:00" if zone in (None, "Z", "UTC") else zone
    try:
        moment = datetime.fromisoformat(f"{month}{day or '-01'}T{clock or '00:00'}{shift}")
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() + float(f"0.{fraction or 0}")
    except (ValueError, OverflowError):
        return None
