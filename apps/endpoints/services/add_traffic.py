"""Add what a server process counted to the minutes and hours of its endpoints; a repeated message adds nothing."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from apps.compute.models import Node
from apps.endpoints.models import Deployment, Endpoint, Traffic, TrafficCursor
from contracts.analytics import AnalyticsPost, DeploymentCounts
from contracts.histograms import BUCKETS

KEEP_MINUTES = timedelta(days=2)
KEEP_HOURS = timedelta(days=90)
AHEAD = timedelta(minutes=5)  # a server's clock may be a little fast
MAX_NAMES = 60  # failure codes of one row
HISTOGRAMS = ("latency_us", "queue_us", "batch_rows")
NUMBERS = ("units", "shadow_compared", "shadow_disagreed", "shadow_failed", "shadow_dropped")
Place = tuple[str, str, int, datetime]  # endpoint, deployment, step_s, at


def add_traffic(node: Node, post: AnalyticsPost) -> bool:
    """One transaction. False: this message, or a later one of the same boot, was added before."""
    with transaction.atomic():
        TrafficCursor.objects.get_or_create(node=node, boot=post.boot)
        cursor = TrafficCursor.objects.select_for_update().get(node=node, boot=post.boot)
        if post.sequence <= cursor.sequence:
            return False
        _add_up(_believable(post.counts))
        cursor.sequence = post.sequence
        cursor.save()
    return True


def _believable(counts: Iterable[DeploymentCounts]) -> list[DeploymentCounts]:
    """Without what names a foreign or deleted deployment, or a time that cannot be."""
    counts = list(counts)
    named = {one.deployment for one in counts if one.deployment}
    owners = dict(Deployment.objects.filter(id__in=named).values_list("id", "endpoint_id"))
    endpoints = set(Endpoint.objects.filter(id__in={one.endpoint for one in counts}).values_list("id", flat=True))
    now = timezone.now()
    oldest, newest = (now - KEEP_MINUTES).timestamp() // 60, (now + AHEAD).timestamp() // 60
    return [
        one
        for one in counts
        if one.endpoint in endpoints
        and owners.get(one.deployment, one.endpoint if not one.deployment else "") == one.endpoint
        and oldest <= one.minute <= newest
    ]


def _add_up(counts: list[DeploymentCounts]) -> None:
    wanted: dict[Place, list[DeploymentCounts]] = {}
    for one in counts:
        for step_s in (Traffic.MINUTE_S, Traffic.HOUR_S):
            at = datetime.fromtimestamp(one.minute * 60 // step_s * step_s, UTC)
            wanted.setdefault((one.endpoint, one.deployment, step_s, at), []).append(one)
    blank = [Traffic(endpoint_id=e, deployment=d, step_s=s, at=at) for e, d, s, at in sorted(wanted)]
    Traffic.objects.bulk_create(blank, ignore_conflicts=True)
    rows = _locked(wanted)
    for row in rows:
        for one in wanted[row.endpoint_id, row.deployment, row.step_s, row.at]:
            _add(row, one)
    Traffic.objects.bulk_update(rows, ["statuses", "errors", *HISTOGRAMS, *NUMBERS])


def _locked(wanted: dict[Place, list[DeploymentCounts]]) -> list[Traffic]:
    """In the order of their ids, so that two servers that count the same endpoints do not wait for each other."""
    found = Traffic.objects.select_for_update().filter(
        endpoint__in={place[0] for place in wanted}, at__in={place[3] for place in wanted}
    )
    return [row for row in found.order_by("id") if (row.endpoint_id, row.deployment, row.step_s, row.at) in wanted]


def _add(row: Traffic, counts: DeploymentCounts) -> None:
    values = asdict(counts)
    for name in HISTOGRAMS:
        sums = getattr(row, name)
        for bucket, count in values[name].items():
            if bucket.isdigit() and int(bucket) < BUCKETS:
                sums[bucket] = sums.get(bucket, 0) + _whole(count)
    for name in ("statuses", "errors"):
        sums = getattr(row, name)
        for word, count in values[name].items():
            if word in sums or len(sums) < MAX_NAMES:
                sums[word[:60]] = sums.get(word[:60], 0) + _whole(count)
    for name in NUMBERS:
        setattr(row, name, getattr(row, name) + _whole(values[name]))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
