"""Reads about runs: who waits where and why, the board of pools, logs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.compute.models import Pool, Quota
from apps.compute.queries import pools_with_live_nodes
from apps.compute.rules import free_slots
from apps.ledger.queries import price_at
from apps.training import rules
from apps.training.models import Attempt, Run
from contracts.jobs import RUN_ACTIVE_STATES
from contracts.problems import Problem
from contracts.usage import METER_PREDICTIONS, METER_TRAINING_SECONDS


@dataclass(frozen=True)
class Place:
    """Where a queued run stands, and why it has not started."""

    position: int
    reason: str


def runs_under_way(organisation: Organisation) -> int:
    """Runs that wait or train."""
    return Run.objects.of(organisation).filter(state__in=("queued", *RUN_ACTIVE_STATES)).count()


def run_held_by(attempt: Attempt) -> Run:
    """The run with its dataset version, if this attempt still holds it; Problem 409 otherwise."""
    run = (
        Run.objects.select_related("dataset_version")
        .filter(id=attempt.run_id, fence=attempt.fence, state__in=RUN_ACTIVE_STATES)
        .first()
    )
    if run is None:
        raise Problem("yours:stale", "The run is no longer yours: your fence is stale.", status=409)
    return run


def places_in_line(pools: Iterable[Pool]) -> dict[str, Place]:
    """Position and reason of every queued run of these pools (as `pools_with_live_nodes` gives them), by run id."""
    places: dict[str, Place] = {}
    now = timezone.now()
    for pool in pools:
        rows = Run.objects.filter(pool=pool, state="queued").values_list(
            "id", "organisation_id", "priority", "queued_at", "not_before"
        )
        backing_off = {row[0] for row in rows if row[4] > now}
        waiting = [rules.Waiting(row[0], row[1], row[2], row[3] or now) for row in rows]
        active, shares = active_slots(pool), shares_in(pool)
        for position, run in enumerate(rules.line_up(waiting, active, shares), start=1):
            reason = rules.waiting_reason(
                position=position,
                live_nodes=getattr(pool, "live_nodes", 0),
                is_open=pool.is_open,
                at_maximum=rules.is_at_maximum(run.organisation, active, shares),
                backing_off=run.id in backing_off,
            )
            places[run.id] = Place(position, reason)
    return places


def place_of(run: Run) -> Place | None:
    """Where one run stands; None when it does not wait."""
    if run.state != "queued":
        return None
    pools = pools_with_live_nodes(with_closed=True).filter(id=run.pool_id)
    return places_in_line(pools).get(run.id)


def active_slots(pool: Pool) -> dict[str, int]:
    """Active runs of a pool by organisation id."""
    rows = Run.objects.filter(pool=pool, state__in=RUN_ACTIVE_STATES).values("organisation_id")
    return {row["organisation_id"]: row["slots"] for row in rows.annotate(slots=Count("id")).order_by()}


def shares_in(pool: Pool) -> dict[str, rules.Share]:
    """Guaranteed and greatest slots of a pool by organisation id."""
    return {
        quota.organisation_id: rules.Share(quota.guaranteed_slots, quota.max_slots)
        for quota in Quota.objects.filter(pool=pool)
    }


def pool_board(pools: Iterable[Pool], currency: str) -> list[dict[str, Any]]:
    """What a person sees of the pools before choosing one."""
    rows = []
    for pool in pools:
        live_nodes = getattr(pool, "live_nodes", 0)
        active = sum(active_slots(pool).values())
        price = price_at(METER_TRAINING_SECONDS, dimension=pool.name, currency=currency)
        rows.append(
            {
                "name": pool.name,
                "title": pool.title,
                "has_gpu": pool.has_gpu,
                "price_micros_per_second": price.unit_price_micros,
                "currency": currency,
                "live_nodes": live_nodes,
                "free_slots": free_slots(slots=pool.slots, live_nodes=live_nodes, active_runs=active),
                "queue_length": Run.objects.filter(pool=pool, state="queued").count(),
                "max_run_seconds": pool.max_run_seconds,
            }
        )
    return rows


def price_per_1000(currency: str) -> int:
    """Micros of 1,000 predictions at a realtime endpoint; every model costs the same."""
    return 1000 * price_at(METER_PREDICTIONS, dimension="realtime", currency=currency).unit_price_micros
