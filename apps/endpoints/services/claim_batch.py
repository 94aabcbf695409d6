"""Give one waiting batch to one worker: compare-and-set with lease and fence, on PostgreSQL's clock."""

from django.db import connection, transaction

from apps.compute.models import Node
from apps.endpoints.models import Batch
from contracts.jobs import LEASE_S, BatchJob
from contracts.keys import digest_token, mint_token

_CLAIM = """
UPDATE endpoints_batch SET state = 'running', fence = fence + 1, attempt = attempt + 1, node_id = %(node)s,
       batch_token_digest = %(digest)s, rows_done = 0, rows_failed = 0,
       lease_until = clock_timestamp() + make_interval(secs => %(lease)s), errors = '[]'
 WHERE id = (SELECT id FROM endpoints_batch
              WHERE state = 'queued' AND not_before <= clock_timestamp() AND (%(batch)s = '' OR id = %(batch)s)
              ORDER BY created_at FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING id
"""


def claim_batch(node: Node, *, batch_id: str = "") -> BatchJob | None:
    """Return the job with its own token, or None when nothing waits."""
    token = mint_token("myb")
    values: dict[str, str | int] = {"node": node.id, "digest": digest_token(token), "lease": LEASE_S, "batch": batch_id}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    if row is None:
        return None
    batch = Batch.objects.select_related("model_version").get(id=row[0])
    return BatchJob(
        batch_id=batch.id,
        fence=batch.fence,
        batch_token=token,
        model_sha256=batch.model_version.model_sha256,
        input_format=batch.input_format,
        rows=batch.rows,
        unit_price_micros=batch.unit_price_micros,
    )
