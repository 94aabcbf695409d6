"""Bump the serving revision in the transaction of every change that serve nodes must see.

Triggers, because the rows that matter belong to five stages and a forgotten bump would leave a revoked key alive.
"""

from django.db import migrations

FUNCTION = """

CREATE FUNCTION bump_serving_revision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    new_revision bigint;
BEGIN
    INSERT INTO endpoints_configrevision AS current (id, revision, changed_at) VALUES (1, 1, clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET revision = current.revision + 1, changed_at = clock_timestamp()
        RETURNING revision INTO new_revision;
    -- The outbox carries the hint to Redis; nodes that miss it find the revision at their next pull.
    INSERT INTO outbox_outboxmessage (topic, payload, dedupe_key, created_at, available_at, attempts, last_error)
        VALUES ('config-changed', jsonb_build_object('revision', new_revision), 'config:' || new_revision,
                clock_timestamp(), clock_timestamp(), 0, '')
        ON CONFLICT (dedupe_key) DO NOTHING;
    RETURN NULL;
END $$;
"""

# table -> columns whose change matters to a serve node
WATCHED = {
    "accounts_apikey": [
        *("revoked_at", "expires_at", "scopes", "endpoints", "policies", "digest"),
        *("max_concurrency", "paused_at", "previous_until"),
    ],
    "accounts_organisation": ["suspended_reason", "currency"],
    "accounts_allowance": ["limits"],
    "compute_node": ["disabled_at"],
    "ledger_budget": ["deleted_at", "is_hard"],
    "ledger_wallet": ["budget_id", "period_end"],
    "ledger_price": ["effective_from"],
    "endpoints_endpoint": ["name", "latency_class", "slo_ms", "policies", "paused_at", "deleted_at", "edition"],
    "endpoints_deployment": ["weight", "shadow", "retired_at"],
}


def _triggers() -> str:
    return "\n".join(
        f"CREATE TRIGGER publish_{table} AFTER INSERT OR DELETE OR UPDATE OF {', '.join(columns)} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION bump_serving_revision();"
        for table, columns in WATCHED.items()
    )


def _drop() -> str:
    dropped = "\n".join(f"DROP TRIGGER publish_{table} ON {table};" for table in WATCHED)
    return f"{dropped}\nDROP FUNCTION bump_serving_revision();"


class Migration(migrations.Migration):
    dependencies = [
        ("endpoints", "0001_initial"),
        ("accounts", "0001_initial"),
        ("compute", "0001_initial"),
        ("ledger", "0001_initial"),
        ("outbox", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(FUNCTION, migrations.RunSQL.noop),
        migrations.RunSQL(_triggers(), _drop()),
    ]
