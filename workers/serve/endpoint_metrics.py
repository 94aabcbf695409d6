"""Prometheus series per endpoint and deployment: of the busiest ones, so that their number stays bounded."""

from __future__ import annotations

from contracts.histograms import bounds
from workers.serve.histograms import Histograms, Tally

BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


def endpoint_metrics(histograms: Histograms, process: int, most: int) -> list[str]:
    """Lines for at most `most` deployments, the busiest first; the others are added up under endpoint="other"."""
    tallies = sorted(histograms.tallies.values(), key=_requests, reverse=True)
    groups = [(one.endpoint, one.deployment, [one]) for one in tallies[:most]]
    if len(tallies) > most:
        groups.append(("other", "", tallies[most:]))
    answers, compared, latency = [], [], []
    for endpoint, deployment, members in groups:
        labels = f'process="{process}",endpoint="{endpoint}",deployment="{deployment}"'
        answers += _answers(labels, members)
        compared += _shadow(labels, members)
        latency += _latency(labels, members)
    return [
        "# TYPE serve_endpoint_answers_total counter",
        *answers,
        "# TYPE serve_endpoint_shadow_total counter",
        *compared,
        "# TYPE serve_endpoint_seconds histogram",
        *latency,
    ]


def _requests(tally: Tally) -> int:
    return sum(tally.statuses)


def _answers(labels: str, members: list[Tally]) -> list[str]:
    lines = []
    for digit in (2, 4, 5):
        count = sum(one.statuses[digit] for one in members)
        if count:
            lines.append(f'serve_endpoint_answers_total{{{labels},status="{digit}xx"}} {count}')
    return lines


def _shadow(labels: str, members: list[Tally]) -> list[str]:
    lines = []
    for place, outcome in enumerate(("compared", "disagreed", "failed", "dropped")):
        count = sum(one.shadow[place] for one in members)
        if count:
            lines.append(f'serve_endpoint_shadow_total{{{labels},outcome="{outcome}"}} {count}')
    return lines


def _latency(labels: str, members: list[Tally]) -> list[str]:
    """Coarse buckets put together from the fine ones; one that straddles a bound counts above it."""
    counted = [(bounds(bucket)[1], count) for one in members for bucket, count in enumerate(one.latency_us) if count]
    total = sum(count for _, count in counted)
    if not total:
        return []
    lines = []
    for bound_ms in BUCKETS_MS:
        below = sum(count for high, count in counted if high <= bound_ms * 1000)
        lines.append(f'serve_endpoint_seconds_bucket{{{labels},le="{bound_ms / 1000}"}} {below}')
    lines.append(f'serve_endpoint_seconds_bucket{{{labels},le="+Inf"}} {total}')
    seconds = sum(high * count for high, count in counted) / 1e6
    lines.append(f"serve_endpoint_seconds_sum{{{labels}}} {seconds:.6f}")
    lines.append(f"serve_endpoint_seconds_count{{{labels}}} {total}")
    return lines
