"""The statistics extension of the Open Inference Protocol, in Triton's shape, from this process's own counters.

`queue` is the time until a request's run began and `compute_infer` what came after, encoding and journal included.
Durations are read from histograms whose buckets are 3 % wide. Refused requests are counted and not timed.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from contracts.histograms import bounds
from workers.serve.problems import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.serve.directory import Directory, KeyEntry, Live


def statistics_of(name: str, live: Sequence[Live]) -> list[dict[str, Any]]:
    """One entry per version that takes traffic."""
    return [_of_version(name, one) for one in live]


def statistics_of_all(directory: Directory, entry: KeyEntry) -> list[dict[str, Any]]:
    """Every endpoint that the key may use."""
    stats: list[dict[str, Any]] = []
    for endpoint in directory.endpoints():
        if endpoint.organisation == entry.organisation.id:
            with contextlib.suppress(Refused):  # paused, or not for this key
                stats += statistics_of(endpoint.name, directory.route(entry, endpoint.name).state.live)
    return stats


def _of_version(name: str, live: Live) -> dict[str, Any]:
    tally = live.tally
    good, bad = tally.statuses[2], tally.statuses[4] + tally.statuses[5]
    success_ns, queue_ns = _total_ns(tally.latency_us), _total_ns(tally.queue_us)
    runs = sum(tally.batch_rows)
    idle_s = time.monotonic() - live.model.used_s
    nothing = {"count": good, "ns": 0}
    return {
        "name": name,
        "version": live.version,
        "last_inference": int((time.time() - idle_s) * 1000) if runs else 0,
        "inference_count": tally.units,
        "execution_count": runs,
        "inference_stats": {
            "success": {"count": good, "ns": success_ns},
            "fail": {"count": bad, "ns": 0},
            "queue": {"count": good, "ns": queue_ns},
            "compute_input": nothing,
            "compute_infer": {"count": good, "ns": max(success_ns - queue_ns, 0)},
            "compute_output": nothing,
        },
        "batch_stats": [],
    }


def _total_ns(counts_us: list[int]) -> int:
    """The sum of what a histogram counted, each value taken as the middle of its bucket."""
    return sum(count * sum(bounds(bucket)) * 500 for bucket, count in enumerate(counts_us) if count)
