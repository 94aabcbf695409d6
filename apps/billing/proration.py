"""What a part of a month costs: exact shares by time, in whole micros, half to even."""

from datetime import UTC, datetime, timedelta

_MICROSECOND = timedelta(microseconds=1)


def month_around(moment: datetime) -> tuple[datetime, datetime]:
    """Return [start, end) of the UTC calendar month that `moment` lies in."""
    utc = moment.astimezone(UTC)
    start = datetime(utc.year, utc.month, 1, tzinfo=UTC)
    return start, datetime(utc.year + utc.month // 12, utc.month % 12 + 1, 1, tzinfo=UTC)


def share_of(amount_micros: int, *, start: datetime, end: datetime, at: datetime) -> int:
    """Return the part of `amount_micros` for [at, end) out of [start, end)."""
    whole = (end - start) // _MICROSECOND
    left = (end - min(max(at, start), end)) // _MICROSECOND
    if whole <= 0:
        raise ValueError(f"{start} to {end} is no period")
    parts, rest = divmod(amount_micros * left, whole)
    if rest * 2 > whole or (rest * 2 == whole and parts % 2):
        parts += 1
    return parts


def rest_of_month(fee_micros: int, at: datetime) -> int:
    """Return what a monthly fee costs from `at` to the end of its month."""
    start, end = month_around(at)
    return share_of(fee_micros, start=start, end=end, at=at)
