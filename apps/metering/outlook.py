"""The outlook of the usage page: this month's likely end, and training against calls."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from apps.accounts.models import Organisation
from apps.metering.projection import Projection, days_until_overtaken, overtaken_on, project
from apps.metering.queries import usage_by
from apps.metering.rules import month_after
from contracts.usage import METER_BATCH_ROWS, METER_PREDICTIONS, METER_TRAINING_SECONDS

_LOOK_BACK_DAYS = 365
_PACE_DAYS = 7


@dataclass(frozen=True)
class Outlook:
    month: Projection
    training_micros: int  # of the last year
    calls_micros: int
    overtaken_on: date | None
    days_left: int | None  # until calls overtake training at the present pace

    @property
    def calls_share(self) -> float:
        both = self.training_micros + self.calls_micros
        return self.calls_micros / both if both else 0.0


def outlook_of(organisation: Organisation, today: date) -> Outlook:
    start = datetime.combine(today - timedelta(days=_LOOK_BACK_DAYS), time.min, tzinfo=UTC)
    end = datetime.combine(today + timedelta(days=1), time.min, tzinfo=UTC)
    everything: dict[date, int] = {}
    training: dict[date, int] = {}
    calls: dict[date, int] = {}
    for row in usage_by(organisation, start=start, end=end, group_by=("day",)):
        day, micros = row["day"], row["amount_micros"]
        everything[day] = everything.get(day, 0) + micros
        if row["meter"] == METER_TRAINING_SECONDS:
            training[day] = training.get(day, 0) + micros
        elif row["meter"] in (METER_PREDICTIONS, METER_BATCH_ROWS):
            calls[day] = calls.get(day, 0) + micros
    spent_on_training, spent_on_calls = sum(training.values()), sum(calls.values())
    return Outlook(
        month=project(everything, today=today, month_end=month_after(today.replace(day=1))),
        training_micros=spent_on_training,
        calls_micros=spent_on_calls,
        overtaken_on=overtaken_on(calls, training),
        days_left=days_until_overtaken(
            calls_pace=_pace(calls, today),
            training_pace=_pace(training, today),
            gap=spent_on_training - spent_on_calls,
        ),
    )


def _pace(by_day: dict[date, int], today: date) -> int:
    return sum(by_day.get(today - timedelta(days=back), 0) for back in range(1, _PACE_DAYS + 1)) // _PACE_DAYS
