"""Made-up daily cups of four cafés: series with a week, a summer and a little growth."""

import datetime
import math
import random

HEADER = ("date", "cafe", "cups")
_CAFES = {
    "Station": (310, 0.62, 0.05),
    "Park": (180, 1.45, 0.35),
    "University": (240, 0.35, -0.25),
    "Market": (150, 1.7, 0.1),
}
_FIRST, _DAYS = datetime.date(2024, 1, 1), 540


def rows(seed: int = 12) -> list[tuple[object, ...]]:
    """One row per café and day; weekends and summers differ from café to café."""
    luck = random.Random(seed)
    return [
        (when.isoformat(), name, _cups(luck, when, *_CAFES[name]))
        for when in (_FIRST + datetime.timedelta(days=n) for n in range(_DAYS))
        for name in _CAFES
    ]


def _cups(luck: random.Random, when: datetime.date, usual: float, weekend: float, summer: float) -> int:
    day = (when - _FIRST).days
    week = weekend if when.weekday() >= 5 else 1 + 0.06 * (when.weekday() == 4)
    season = 1 + summer * math.sin(2 * math.pi * (when.timetuple().tm_yday - 100) / 365)
    return max(0, round(usual * week * season * (1 + 0.0004 * day) * luck.gauss(1, 0.07)))
