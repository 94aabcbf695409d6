"""What each deployment answered: integers in lists that stand ready, because every request counts here."""

from __future__ import annotations

import time
from typing import Any

from contracts.analytics import DeploymentCounts
from contracts.histograms import BUCKETS, bucket_of

FORGET_AFTER_S = 600.0  # a retired deployment without news is forgotten
_TOO_MANY = 429


class Tally:
    """One deployment of one endpoint. Only the event loop counts; `delta` takes what is new since the last time."""

    __slots__ = (
        "batch_rows",
        "changed_s",
        "deployment",
        "endpoint",
        "errors",
        "latency_us",
        "limited",
        "queue_us",
        "seen",
        "shadow",
        "statuses",
        "told",
        "units",
    )

    def __init__(self, endpoint: str, deployment: str) -> None:
        self.endpoint = endpoint
        self.deployment = deployment
        self.statuses = [0] * 6  # by first digit
        self.limited = 0  # 429, which also counts among the 4xx
        self.errors: dict[str, int] = {}
        self.latency_us = [0] * BUCKETS
        self.queue_us = [0] * BUCKETS
        self.batch_rows = [0] * BUCKETS
        self.units = 0
        self.shadow = [0, 0, 0, 0]  # compared, disagreed, failed, dropped
        self.told: dict[str, Any] = {}
        self.seen = (0, 0, 0)
        self.changed_s = time.monotonic()

    def good(self, latency_s: float, queue_s: float, units: int) -> None:
        """An answer with predictions."""
        self.statuses[2] += 1
        self.units += units
        self.latency_us[bucket_of(int(latency_s * 1e6))] += 1
        self.queue_us[bucket_of(int(queue_s * 1e6))] += 1

    def explained(self, units: int) -> None:
        """An explanation: it counts as a request, but its time says nothing of how fast predictions are."""
        self.statuses[2] += 1
        self.units += units

    def good_together(self, answers: int, units: int, latency_s: float, queue_s: float) -> None:
        """Answers with predictions that took the same time."""
        self.statuses[2] += answers
        self.units += units
        self.latency_us[bucket_of(int(latency_s * 1e6))] += answers
        self.queue_us[bucket_of(int(queue_s * 1e6))] += answers

    def bad(self, status: int, code: str) -> None:
        """A refusal."""
        self.statuses[status // 100] += 1
        if status == _TOO_MANY:
            self.limited += 1
        self.errors[code] = self.errors.get(code, 0) + 1

    def ran_in_shadow(self, took_s: float) -> None:
        """A copy counts neither as a request nor as rows answered."""
        self.latency_us[bucket_of(int(took_s * 1e6))] += 1

    def ran(self, rows: int) -> None:
        self.batch_rows[bucket_of(rows)] += 1

    def delta(self, minute: int) -> DeploymentCounts | None:
        """What was counted since the last call, or None."""
        seen = (sum(self.statuses), self.units, sum(self.shadow))
        if seen == self.seen:  # most deployments are silent most of the time
            return None
        self.seen = seen
        now = self._now()
        before, self.told, self.changed_s = self.told, now, time.monotonic()
        fields: dict[str, Any] = {
            name: _less(value, before.get(name)) if isinstance(value, dict) else value - before.get(name, 0)
            for name, value in now.items()
        }
        return DeploymentCounts(self.endpoint, self.deployment, minute, **fields)

    def _now(self) -> dict[str, Any]:
        compared, disagreed, failed, dropped = self.shadow
        statuses = {str(digit): count for digit, count in enumerate(self.statuses) if count}
        if self.limited:
            statuses["429"] = self.limited
        return {
            "statuses": statuses,
            "errors": dict(self.errors),
            "latency_us": sparse(self.latency_us),
            "queue_us": sparse(self.queue_us),
            "batch_rows": sparse(self.batch_rows),
            "units": self.units,
            "shadow_compared": compared,
            "shadow_disagreed": disagreed,
            "shadow_failed": failed,
            "shadow_dropped": dropped,
        }


class Histograms:
    """Every tally of this process, by endpoint and deployment; they outlive revisions of the configuration."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, str], Tally] = {}

    def of(self, endpoint: str, deployment: str = "") -> Tally:
        place = (endpoint, deployment)
        tally = self.tallies.get(place)
        if tally is None:
            tally = self.tallies[place] = Tally(endpoint, deployment)
        return tally

    def take(self, minute: int) -> list[DeploymentCounts]:
        """What is new in all of them."""
        return [delta for tally in list(self.tallies.values()) if (delta := tally.delta(minute)) is not None]

    def forget(self, living: set[tuple[str, str]]) -> None:
        """Drop the tallies of deployments that are gone and have nothing more to tell."""
        until_s = time.monotonic() - FORGET_AFTER_S
        for place in [one for one, tally in self.tallies.items() if one not in living and tally.changed_s < until_s]:
            del self.tallies[place]


def sparse(counts: list[int]) -> dict[str, int]:
    return {str(bucket): count for bucket, count in enumerate(counts) if count}


def _less(now: dict[str, int], before: dict[str, int] | None) -> dict[str, int]:
    if not before:
        return now
    return {name: more for name, count in now.items() if (more := count - before.get(name, 0))}
