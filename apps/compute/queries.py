"""Reads about pools: which are open, which nodes are alive in them."""

from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from apps.compute.models import Pool
from apps.compute.rules import NODE_SILENT_AFTER_S


def pools_with_live_nodes(*, with_closed: bool = False) -> QuerySet[Pool]:
    """Open pools (or all), each with `live_nodes`: enabled training nodes that have said hello lately."""
    seen_since = timezone.now() - timedelta(seconds=NODE_SILENT_AFTER_S)
    alive = Q(nodes__kind="train", nodes__disabled_at=None, nodes__last_seen_at__gte=seen_since)
    pools = Pool.objects.all() if with_closed else Pool.objects.filter(is_open=True)
    return pools.annotate(live_nodes=Count("nodes", filter=alive)).order_by("name")
