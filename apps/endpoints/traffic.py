"""Analytics of an endpoint: its minutes and hours, put together into the steps of a chart."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, Func, IntegerField, Sum
from django.db.models.functions import Extract
from django.utils import timezone

from apps.endpoints.models import Deployment, Endpoint, Traffic
from apps.metering.models import UsageEvent
from contracts.histograms import add, mean, quantile, share_within

STEPS_S = (60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400)
MAX_POINTS = 400
_SHADOW = ("compared", "disagreed", "failed", "dropped")
WITHIN_OBJECTIVE = 0.95  # slo_ms is an objective for the 95th percentile


@dataclass
class Sums:
    """Counts of any number of minutes, hours and deployments."""

    ok: int = 0
    client_errors: int = 0  # 4xx without 429
    limited: int = 0  # 429
    server_errors: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    latency_us: dict[int, int] = field(default_factory=dict)
    queue_us: dict[int, int] = field(default_factory=dict)
    batch_rows: dict[int, int] = field(default_factory=dict)
    units: int = 0
    shadow: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SHADOW, 0))
    cost_micros: int = 0

    @property
    def requests(self) -> int:
        return self.ok + self.client_errors + self.limited + self.server_errors

    def take(self, row: Traffic, *, is_shadow: bool) -> None:
        """A shadow's times are its own; they are not what callers waited."""
        limited = row.statuses.get("429", 0)
        self.ok += row.statuses.get("2", 0)
        self.client_errors += row.statuses.get("4", 0) - limited
        self.limited += limited
        self.server_errors += row.statuses.get("5", 0)
        for code, count in row.errors.items():
            self.errors[code] = self.errors.get(code, 0) + count
        for word in _SHADOW:
            self.shadow[word] += getattr(row, f"shadow_{word}")
        if not is_shadow:
            self.units += row.units
            add(self.latency_us, _numbered(row.latency_us))
            add(self.queue_us, _numbered(row.queue_us))
            add(self.batch_rows, _numbered(row.batch_rows))


@dataclass
class Analytics:
    start: datetime
    end: datetime
    step_s: int
    slo_ms: float
    total: Sums
    points: list[tuple[datetime, Sums]]
    by_deployment: list[tuple[Deployment | None, Sums]]  # None: requests that reached none

    @property
    def within_slo(self) -> float | None:
        """The share of answers that came in time; what failed did not."""
        within = share_within(self.total.latency_us, self.slo_ms * 1000)
        answers = self.total.ok + self.total.server_errors
        if not answers:
            return None
        return (within or 0.0) * self.total.ok / answers

    @property
    def budget_left(self) -> float | None:
        """The share of the allowed late or failed answers that is left; below 0: overdrawn."""
        within = self.within_slo
        return None if within is None else 1 - (1 - within) / (1 - WITHIN_OBJECTIVE)


def analytics_of(endpoint: Endpoint, start: datetime, end: datetime, step_s: int) -> Analytics:
    """Sums over [start, end) in steps; minutes where they are kept and the step needs them, hours elsewhere."""
    start = floor_to(start, step_s)
    count = max(1, -(-int((end - start).total_seconds()) // step_s))
    points = [(start + timedelta(seconds=step_s * place), Sums()) for place in range(count)]
    total, by_id = Sums(), dict[str, Sums]()
    deployments = {row.pk: row for row in endpoint.deployments.select_related("model_version__model")}
    for row in _rows(endpoint, start, end, step_s):
        deployment = deployments.get(row.deployment)
        is_shadow = deployment is not None and deployment.shadow
        place = int((row.at - start).total_seconds()) // step_s
        points[place][1].take(row, is_shadow=is_shadow)
        total.take(row, is_shadow=is_shadow)
        by_id.setdefault(row.deployment, Sums()).take(row, is_shadow=False)
    for at, micros in _costs(endpoint, start, end, step_s):
        points[int((at - start).total_seconds()) // step_s][1].cost_micros += micros
        total.cost_micros += micros
    ordered = sorted(by_id.items(), key=lambda item: item[0], reverse=True)
    named = [(deployments.get(deployment), sums) for deployment, sums in ordered]
    return Analytics(start, end, step_s, endpoint.slo_ms, total, points, named)


def floor_to(at: datetime, step_s: int) -> datetime:
    return datetime.fromtimestamp(int(at.timestamp()) // step_s * step_s, UTC)


def recent(endpoint: Endpoint, window: timedelta) -> dict[str, Sums]:
    """Sums by deployment over the last minutes, for those who judge a rollout."""
    sums: dict[str, Sums] = {}
    since = timezone.now() - window
    for row in endpoint.traffic.filter(step_s=Traffic.MINUTE_S, at__gt=since - timedelta(seconds=60)):
        sums.setdefault(row.deployment, Sums()).take(row, is_shadow=False)
    return sums


def times(counts: dict[int, int]) -> dict[str, float | None]:
    """Microseconds in buckets to {p50, p95, p99} in milliseconds."""
    found = {name: quantile(counts, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {name: None if value is None else round(value / 1000, 4) for name, value in found.items()}


def batch_size(counts: dict[int, int]) -> float | None:
    """Rows in the mean run."""
    found = mean(counts)
    return None if found is None else round(found, 2)


def _rows(endpoint: Endpoint, start: datetime, end: datetime, step_s: int) -> Iterable[Traffic]:
    kept = Traffic.HOUR_S if step_s % Traffic.HOUR_S == 0 else Traffic.MINUTE_S
    return endpoint.traffic.filter(step_s=kept, at__gte=start, at__lt=end).iterator()


def _costs(endpoint: Endpoint, start: datetime, end: datetime, step_s: int) -> list[tuple[datetime, int]]:
    step = Func(Extract("occurred_at", "epoch") / step_s, function="FLOOR", output_field=IntegerField())
    rows: Any = (
        UsageEvent.objects.of(endpoint.organisation)
        .filter(endpoint=endpoint.pk, occurred_at__gte=start, occurred_at__lt=end)
        .annotate(step=step)
        .values("step")
        .annotate(micros=Sum(F("amount_micros")))
        .order_by()
    )
    return [(datetime.fromtimestamp(int(row["step"]) * step_s, UTC), int(row["micros"])) for row in rows]


def _numbered(counts: dict[str, int]) -> dict[int, int]:
    return {int(bucket): count for bucket, count in counts.items()}
