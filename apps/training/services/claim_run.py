"""Give the next run in line to a trainer: one conditional UPDATE, a new fence, a lease on PostgreSQL's clock."""

from dataclasses import dataclass

from django.db import connection, transaction

from apps.compute.models import Node, Pool
from apps.training import rules
from apps.training.hints import hint_run_changed
from apps.training.models import Attempt, Run
from contracts.jobs import LEASE_S, TrainJob
from contracts.keys import digest_token, mint_token

TOKEN_PREFIX = "myr"

# The order is the one of rules.line_up; a test compares the two on random queues.
_CLAIM = """
WITH active AS (
    SELECT organisation_id, count(*) AS slots FROM training_run
    WHERE pool_id = %(pool)s AND state IN ('running', 'validating', 'exporting') GROUP BY organisation_id
)
UPDATE training_run SET
    state = 'running', fence = fence + 1, attempt = attempt + 1, node_id = %(node)s, heartbeat_sequence = 0,
    stage = 'start', eta_seconds = NULL, started_at = coalesce(started_at, clock_timestamp()),
    lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE id = (
    SELECT run.id FROM training_run run
    LEFT JOIN active ON active.organisation_id = run.organisation_id
    LEFT JOIN compute_quota quota ON quota.organisation_id = run.organisation_id AND quota.pool_id = run.pool_id
    WHERE run.pool_id = %(pool)s AND run.state = 'queued' AND run.not_before <= clock_timestamp()
      AND (quota.max_slots IS NULL OR coalesce(active.slots, 0) < quota.max_slots)
      AND (SELECT coalesce(sum(slots), 0) FROM active) < %(slots)s
    ORDER BY coalesce(active.slots, 0) >= coalesce(quota.guaranteed_slots, 0), coalesce(active.slots, 0),
             run.priority DESC, run.queued_at, run.id
    FOR UPDATE OF run SKIP LOCKED LIMIT 1
)
RETURNING id, fence, clock_timestamp()
"""


@dataclass(frozen=True)
class Claim:
    attempt: Attempt
    job: TrainJob


@transaction.atomic
def claim_run(node: Node) -> Claim | None:
    """Claim the next run of the node's pool; None when nothing may start now.

    Which run a wake-up message named does not matter: the queue decides, so a flood of messages changes no order.
    """
    # Claims of one pool follow one another: two at once would both count the same slots as free.
    pool = Pool.objects.select_for_update().filter(id=node.pool_id, is_open=True).first()
    if pool is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"pool": pool.id, "node": node.id, "lease_s": LEASE_S, "slots": pool.slots})
        row = cursor.fetchone()
    if row is None:
        return None
    run_id, fence, now = row
    token = mint_token(TOKEN_PREFIX)
    run = Run.objects.select_related("dataset_version").get(id=run_id)
    attempt = Attempt.objects.create(run=run, fence=fence, node=node, token_digest=digest_token(token), started_at=now)
    hint_run_changed(run.id)
    return Claim(attempt, _job(run, token))


def _job(run: Run, token: str) -> TrainJob:
    version = run.dataset_version
    return TrainJob(
        run_id=run.id,
        fence=run.fence,
        attempt=run.attempt,
        run_token=token,
        task=run.task,
        target=run.target,
        dataset_sha256=version.canonical_sha256,
        dataset_bytes=version.canonical_bytes,
        dataset_format=version.format,
        columns=[rules.column_spec(column) for column in version.columns],
        splits=version.splits,
        families=run.families,
        # Lost attempts are not charged, so they take nothing off.
        budget_seconds=float(run.budget_seconds),
        max_cost_micros=run.max_cost_micros,
        price_micros_per_second=run.unit_price_micros,
        seed=run.seed,
        lease_seconds=LEASE_S,
        checkpoint_step=run.checkpoint_step,
        options=run.options,
    )
