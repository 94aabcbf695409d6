"""The clock of a series: how its time stamps follow each other, which step each belongs to, what the calendar says.

Times are seconds since 1970 in UTC. Calendar arithmetic is written once and runs on numpy arrays and on graph nodes
alike (`ops` is either), so a forecast knows the same weekday inside and outside of the exported graph.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.train.failures import UserFailure

DAY_S = 86_400
HALF_DAY_S = 43_200
NICE_STEPS_S = (1, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200, DAY_S, 7 * DAY_S)
NICE_WITHIN = 0.05  # a usual gap this close to a nice step is that step: clocks drift, daylight saving shifts an hour
MONTH_LEAST_DAYS = 27.5
MONTH_MEAN_DAYS = 30.437
JITTER, MONTH_JITTER = 0.15, 0.1  # of the usual gap; February is short
MOST_STRAY_SHARE = 0.25  # of the gaps may lie beside the rhythm
MONTH_STEPS = (1, 2, 3, 4, 6, 12)
MOST_EMPTY_SHARE = 0.6  # of the steps between first and last; above it there is no rhythm worth the name
SEASONS = {1: (1,), 60: (60, 1440), 300: (288, 2016), 600: (144, 1008), 900: (96, 672), 1_800: (48, 336)}
SEASONS |= {3_600: (24, 168), 7_200: (12, 84), 10_800: (8, 56), 14_400: (6, 42), 21_600: (4, 28), 43_200: (2, 14)}
SEASONS |= {DAY_S: (7, 28, 30, 364, 365), 7 * DAY_S: (4, 13, 52)}


@dataclass(frozen=True)
class Frequency:
    """kind "seconds" (step: seconds), "months" (step: months), "business" (Monday to Friday) or "steps" (1, 2, …)."""

    kind: str
    step: int = 1

    @property
    def words(self) -> str:
        """What people call it."""
        if self.kind == "months":
            return {1: "monthly", 3: "quarterly", 12: "yearly"}.get(self.step, f"every {self.step} months")
        if self.kind == "seconds":
            named = {DAY_S: "daily", 7 * DAY_S: "weekly", 3_600: "hourly", 60: "every minute"}
            return named.get(self.step, f"every {self.step} seconds")
        return "on business days" if self.kind == "business" else "numbered steps"

    @property
    def seasons(self) -> tuple[int, ...]:
        """Lengths, in steps, that the calendar suggests."""
        if self.kind == "months":
            return (12 // self.step,) if self.step < 12 else ()
        if self.kind == "business":
            return (5, 21, 260)
        return SEASONS.get(self.step, ()) if self.kind == "seconds" else ()

    @property
    def horizon(self) -> int:
        """Steps ahead when nobody says how many."""
        if self.kind == "months":
            return {1: 24, 3: 8}.get(self.step, 6)
        if self.kind == "business":
            return 20
        if self.kind == "steps":
            return 12
        return 13 if self.step >= 7 * DAY_S else 28 if self.step >= DAY_S else 48


def frequency_of(times: list[np.ndarray], is_numbered: bool) -> Frequency:
    """`times`: sorted distinct int64 stamps per series. Raises UserFailure when no regular step is found."""
    if is_numbered:
        return Frequency("steps")
    gaps = np.concatenate([np.diff(one) for one in times if len(one) > 1] or [np.zeros(0, np.int64)])
    if len(gaps) == 0:
        raise UserFailure("yours:series-too-short", "Every series has one time stamp only.")
    usual_s = float(np.median(gaps))
    _check_steps(gaps, usual_s)
    if usual_s >= MONTH_LEAST_DAYS * DAY_S:
        months = round(usual_s / DAY_S / MONTH_MEAN_DAYS)
        return Frequency("months", min(MONTH_STEPS, key=lambda one: abs(one - months)))
    step = min(NICE_STEPS_S, key=lambda one: abs(np.log(one / usual_s)))
    if abs(step - usual_s) > NICE_WITHIN * usual_s:
        step = max(1, round(usual_s))
    days = np.concatenate(times)
    if step == DAY_S and len(days) > 10 and (weekday(np, _day(days)) < 5).all() and gaps.max() > 2 * DAY_S:
        return Frequency("business")
    return Frequency("seconds", step)


def _check_steps(gaps: np.ndarray, usual_s: float) -> None:
    """Raise UserFailure when gaps are not, give or take, whole multiples of the usual one."""
    counts = np.maximum(np.round(gaps / usual_s), 1)
    slack_s = JITTER * usual_s if usual_s < MONTH_LEAST_DAYS * DAY_S else MONTH_JITTER * usual_s
    if (np.abs(gaps - counts * usual_s) > slack_s * counts).mean() > MOST_STRAY_SHARE:
        raise UserFailure(
            "yours:series-irregular", f"The usual gap is {usual_s:,.0f} s, but many are no multiple of it."
        )


def _day(times: np.ndarray) -> np.ndarray:
    """Nearest midnight as days since 1970: local midnights of any zone fall on their own date."""
    return (times + HALF_DAY_S) // DAY_S


def places(frequency: Frequency, times: np.ndarray) -> np.ndarray:
    """Step number of each stamp, int64, from the first one of the series on."""
    if frequency.kind == "steps":
        return times - times[0]
    if frequency.kind == "months":
        year, month, _ = civil(np, _day(times).astype(np.float64))
        number = ((year * 12 + month - 1) // frequency.step).astype(np.int64)
        return number - number[0]
    if frequency.kind == "business":
        day = _day(times)
        number = (day + 3) // 7 * 5 + np.minimum((day + 3) % 7, 4)
        return number - number[0]
    return np.round((times - times[0]) / frequency.step).astype(np.int64)


def check_rhythm(frequency: Frequency, steps: int, present: int) -> None:
    """Raise UserFailure when most steps between the first and the last stamp are empty."""
    if present < (1 - MOST_EMPTY_SHARE) * steps:
        detail = f"Read as {frequency.words}, {steps - present:,} of {steps:,} steps have no value."
        raise UserFailure("yours:series-irregular", detail)


def weekday(ops: Any, days: Any) -> Any:
    """Monday is 0. Days since 1970."""
    shifted = days + 3.0
    return shifted - 7.0 * ops.floor(shifted / 7.0)


def civil(ops: Any, days: Any) -> tuple[Any, Any, Any]:
    """Year, month and day of days since 1970, all floats (the days-from-civil algorithm, inverted)."""
    shifted = days + 719_468.0
    era = ops.floor(shifted / 146_097.0)
    of_era = shifted - era * 146_097.0
    leaps = ops.floor(of_era / 1_460.0) - ops.floor(of_era / 36_524.0) + ops.floor(of_era / 146_096.0)
    year_of_era = ops.floor((of_era - leaps) / 365.0)
    of_year = of_era - (365.0 * year_of_era + ops.floor(year_of_era / 4.0) - ops.floor(year_of_era / 100.0))
    month_place = ops.floor((5.0 * of_year + 2.0) / 153.0)  # March is 0
    day = of_year - ops.floor((153.0 * month_place + 2.0) / 5.0) + 1.0
    is_next_year = ops.floor(month_place / 10.0)
    return year_of_era + era * 400.0 + is_next_year, month_place + 3.0 - 12.0 * is_next_year, day


def calendar(ops: Any, frequency: Frequency, last_time: Any, ahead: Any) -> list[Any]:
    """Calendar features of the steps to come. `last_time` [N, 1] seconds, `ahead` [1, H] = 1…H; each answer [N, H]."""
    if frequency.kind == "steps":
        return []
    if frequency.kind == "seconds" and frequency.step < DAY_S:
        moment = last_time + ahead * float(frequency.step)
        days = ops.floor(moment / float(DAY_S))
        hour = (moment - days * float(DAY_S)) / 3_600.0
        return [hour, weekday(ops, days), civil(ops, days)[1]]
    last_day = ops.floor((last_time + float(HALF_DAY_S)) / float(DAY_S))
    if frequency.kind == "months":
        year, month, _ = civil(ops, last_day)
        number = year * 12.0 + month - 1.0 + ahead * float(frequency.step)
        return [number - 12.0 * ops.floor(number / 12.0) + 1.0]
    if frequency.kind == "business":
        counted = weekday(ops, last_day) + ahead
        weeks = ops.floor(counted / 5.0)
        days = last_day - weekday(ops, last_day) + weeks * 7.0 + (counted - weeks * 5.0)
        _, month, day = civil(ops, days)
        return [counted - weeks * 5.0, day, month]
    days = last_day + ahead * float(frequency.step // DAY_S)
    _, month, day = civil(ops, days)
    return ([weekday(ops, days)] if frequency.step == DAY_S else []) + [day, month]


def times_ahead(frequency: Frequency, last_time: float, steps: int) -> np.ndarray:
    """int64 seconds of the `steps` stamps after `last_time`."""
    ahead = np.arange(1, steps + 1, dtype=np.int64)
    if frequency.kind == "steps":
        return int(last_time) + ahead
    if frequency.kind == "seconds":
        return int(last_time) + ahead * frequency.step
    day = int(_day(np.array([int(last_time)]))[0])
    if frequency.kind == "business":
        counted = (day + 3) % 7 + ahead
        return (day - (day + 3) % 7 + counted // 5 * 7 + counted % 5) * DAY_S
    month = np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64) + ahead * frequency.step
    return month.astype("datetime64[M]").astype("datetime64[s]").astype(np.int64)
