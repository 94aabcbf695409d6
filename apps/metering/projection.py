"""What a month will have cost when it is over, and when calls will cost more than training: arithmetic on days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

_LOOK_BACK_DAYS = 7  # the pace of the last days, not of the whole month: usage grows


@dataclass(frozen=True)
class Projection:
    """Micros at the end of the month: `likely` at the pace of the last week; `so_far` is spent already."""

    so_far: int
    likely: int


def project(by_day: Mapping[date, int], *, today: date, month_end: date) -> Projection:
    """`by_day` holds complete days and today; `month_end` is exclusive. Today counts at least at the usual pace."""
    so_far = sum(micros for day, micros in by_day.items() if day.replace(day=1) == today.replace(day=1))
    before = [today - timedelta(days=back) for back in range(1, _LOOK_BACK_DAYS + 1)]
    known = [by_day.get(day, 0) for day in before if day >= min(by_day, default=today)]
    pace = sum(known) // len(known) if known else by_day.get(today, 0)
    rest_of_today = max(0, pace - by_day.get(today, 0))
    days_after = max(0, (month_end - today).days - 1)
    return Projection(so_far, so_far + rest_of_today + pace * days_after)


def overtaken_on(calls: Mapping[date, int], training: Mapping[date, int]) -> date | None:
    """Return the day on which all calls together first cost more than all training together; None: not yet."""
    days = sorted({*calls, *training})
    gaps = accumulate(calls.get(day, 0) - training.get(day, 0) for day in days)
    has_trained = accumulate(bool(training.get(day)) for day in days)
    return next((day for day, gap, seen in zip(days, gaps, has_trained, strict=True) if seen and gap > 0), None)


def days_until_overtaken(*, calls_pace: int, training_pace: int, gap: int) -> int | None:
    """Return in how many days calls overtake training at these daily paces; None when they never do."""
    if gap < 0:
        return 0
    faster = calls_pace - training_pace
    return gap // faster + 1 if faster > 0 else None
