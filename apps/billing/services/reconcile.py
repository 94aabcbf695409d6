"""Compares every number about money with the others it must equal, to the micro-unit, over the whole database."""

import logging
import time
from dataclasses import dataclass

from django.db import connection, transaction

from apps.billing.models import ReconcileRun
from contracts.usage import MONEY_METERS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Check:
    name: str
    compared: int  # rows looked at
    differences: list[str]

    @property
    def is_right(self) -> bool:
        return not self.differences


_MONEY = ", ".join(f"'{meter}'" for meter in MONEY_METERS)
# Each query answers (what, found, expected) for everything it compares; a difference is a row with found <> expected.
_CHECKS = {
    "ledger: every transaction sums to zero": """
        SELECT transaction_id || ' ' || currency, sum(amount_micros), 0 FROM ledger_ledgerentry
        GROUP BY transaction_id, currency""",
    "ledger: each currency sums to zero": """
        SELECT currency, sum(amount_micros), 0 FROM ledger_ledgerentry GROUP BY currency""",
    "wallets: available is the balance of customer:<org>": """
        SELECT w.organisation_id, w.available_micros, coalesce(sum(e.amount_micros), 0) FROM ledger_wallet w
        LEFT JOIN ledger_ledgerentry e ON e.account = 'customer:' || w.organisation_id AND e.currency = w.currency
        WHERE w.budget_id IS NULL GROUP BY w.id""",
    "wallets: held is the balance of held:<org>": """
        SELECT w.organisation_id, w.held_micros, coalesce(sum(e.amount_micros), 0) FROM ledger_wallet w
        LEFT JOIN ledger_ledgerentry e ON e.account = 'held:' || w.organisation_id AND e.currency = w.currency
        WHERE w.budget_id IS NULL GROUP BY w.id""",
    "wallets: spent is the balance of revenue:<org>": """
        SELECT w.organisation_id, w.spent_micros, coalesce(sum(e.amount_micros), 0) FROM ledger_wallet w
        LEFT JOIN ledger_ledgerentry e ON e.account = 'revenue:' || w.organisation_id AND e.currency = w.currency
        WHERE w.budget_id IS NULL GROUP BY w.id""",
    "wallets: held is what open leases and holds have left": """
        SELECT w.id, w.held_micros,
          (SELECT coalesce(sum(granted_micros - spent_micros), 0) FROM metering_lease l
            WHERE l.wallet_id = w.id AND l.state = 'open')
          + (SELECT coalesce(sum(amount_micros), 0) FROM ledger_hold h
            WHERE h.state = 'open' AND (h.wallet_id = w.id OR h.budget_wallets ? w.id))
        FROM ledger_wallet w""",
    "budgets: limit is available, held and spent": """
        SELECT w.id, w.available_micros + w.held_micros + w.spent_micros, b.limit_micros
        FROM ledger_wallet w JOIN ledger_budget b ON b.id = w.budget_id
        WHERE b.deleted_at IS NULL AND (w.period_end IS NULL OR w.period_end > now())""",
    "usage: its sum is the balance of revenue:<org>": """
        SELECT o.id,
          (SELECT coalesce(sum(amount_micros), 0) FROM metering_usageevent u WHERE u.organisation_id = o.id),
          (SELECT coalesce(sum(amount_micros), 0) FROM ledger_ledgerentry e WHERE e.account = 'revenue:' || o.id)
        FROM accounts_organisation o""",
    "usage: each ledger transaction earns what its events say": """
        SELECT coalesce(u.ref, l.ref), coalesce(u.amount, 0), coalesce(l.amount, 0) FROM
          (SELECT ledger_ref AS ref, sum(amount_micros) AS amount FROM metering_usageevent GROUP BY 1) u
        FULL JOIN
          (SELECT t.ref, sum(e.amount_micros) AS amount FROM ledger_ledgertransaction t
            JOIN ledger_ledgerentry e ON e.transaction_id = t.id AND e.account LIKE 'revenue:%%' GROUP BY 1) l
        ON u.ref = l.ref""",
    "usage: overage is the balance of overage:<org>": """
        SELECT o.id,
          (SELECT -coalesce(sum(amount_micros), 0) FROM metering_usageevent u
            WHERE u.organisation_id = o.id AND u.meter = 'overage'),
          (SELECT coalesce(sum(amount_micros), 0) FROM ledger_ledgerentry e WHERE e.account = 'overage:' || o.id)
        FROM accounts_organisation o""",
    "usage: each amount is units times the price row": """
        SELECT u.id, u.amount_micros, u.units * p.unit_price_micros FROM metering_usageevent u
        LEFT JOIN ledger_price p ON p.id = u.price WHERE u.meter NOT IN (%(money_meters)s)""",
    "usage: what counts money counts it": """
        SELECT id, amount_micros, CASE WHEN meter IN ('plan', 'commitment') THEN units ELSE -units END
        FROM metering_usageevent WHERE meter IN (%(money_meters)s)""",
    "invoices: usage of each month is its invoice, or in an open month": """
        SELECT u.organisation_id || ' ' || u.period, sum(u.amount_micros),
          CASE WHEN u.period >= coalesce(w.open_from, DATE '1970-01-01') THEN sum(u.amount_micros)
               ELSE coalesce(i.total_micros, 0) END
        FROM metering_usageevent u
        LEFT JOIN metering_periodwatermark w ON w.organisation_id = u.organisation_id
        LEFT JOIN billing_invoice i ON i.organisation_id = u.organisation_id AND i.period_start = u.period
          AND i.voided_at IS NULL
        GROUP BY u.organisation_id, u.period, w.open_from, i.total_micros""",
    "invoices: the lines sum to the total": """
        SELECT i.number, coalesce(sum(l.amount_micros), 0), i.total_micros FROM billing_invoice i
        LEFT JOIN billing_invoiceline l ON l.invoice_id = i.id GROUP BY i.id""",
    "credit: the lots hold what the wallet has, holds and has spent": """
        SELECT w.organisation_id, w.available_micros + w.held_micros + w.spent_micros,
          (SELECT coalesce(sum(amount_micros - expired_micros - withdrawn_micros), 0) FROM ledger_creditlot l
            WHERE l.organisation_id = w.organisation_id)
        FROM ledger_wallet w WHERE w.budget_id IS NULL""",
    "credit: what is attributed is what the lots have used": """
        SELECT w.organisation_id, w.attributed_micros,
          (SELECT coalesce(sum(used_micros), 0) FROM ledger_creditlot l WHERE l.organisation_id = w.organisation_id)
        FROM ledger_wallet w WHERE w.budget_id IS NULL""",
    "credit: what expired is the balance of expired:<org>": """
        SELECT o.id, (SELECT coalesce(sum(expired_micros), 0) FROM ledger_creditlot l WHERE l.organisation_id = o.id),
          (SELECT coalesce(sum(amount_micros), 0) FROM ledger_ledgerentry e WHERE e.account = 'expired:' || o.id)
        FROM accounts_organisation o""",
    "top-ups: paid ones are the balance of funding:stripe": """
        SELECT o.id,
          (SELECT coalesce(sum(amount_micros - refunded_micros), 0) FROM billing_topup t
            WHERE t.organisation_id = o.id AND t.state = 'paid'),
          (SELECT -coalesce(sum(e.amount_micros), 0) FROM ledger_ledgerentry e
            JOIN ledger_ledgertransaction x ON x.id = e.transaction_id
            WHERE x.organisation_id = o.id AND e.account = 'funding:stripe')
        FROM accounts_organisation o""",
    "stripe: what was pushed for an hour is its usage": """
        SELECT s.organisation_id || ' ' || s.meter || ' ' || s.hour,
          coalesce(sum(s.amount_micros) FILTER (WHERE s.state NOT IN ('cancelled', 'lost')), 0),
          (SELECT coalesce(sum(u.amount_micros), 0) FROM metering_usageevent u
            WHERE u.organisation_id = s.organisation_id AND u.meter = s.meter
            AND date_trunc('hour', CASE WHEN u.late THEN u.recorded_at ELSE u.occurred_at END, 'UTC') = s.hour
            AND u.recorded_at <= max(s.counted_to))
        FROM billing_stripepush s GROUP BY s.organisation_id, s.meter, s.hour""",
    "stripe: invoices less credit notes there are the invoices here": """
        WITH note AS (
          SELECT n.*, d.amount_minor FROM billing_creditnote n JOIN billing_stripedocument d ON d.note_id = n.id
        ), standing AS (
          SELECT i.* FROM billing_invoice i JOIN billing_stripedocument d ON d.invoice_id = i.id
          WHERE NOT EXISTS (SELECT FROM note WHERE note.invoice_id = i.id AND note.is_void)
        )
        SELECT d.organisation_id,
          sum(CASE WHEN d.note_id IS NULL THEN d.amount_minor ELSE -d.amount_minor END),
          (SELECT coalesce(sum(greatest(i.total_minor, 0)), 0) FROM standing i
            WHERE i.organisation_id = d.organisation_id)
          - (SELECT coalesce(sum(n.amount_minor), 0) FROM note n
            WHERE n.organisation_id = d.organisation_id AND NOT n.is_void AND NOT EXISTS (
              SELECT FROM standing i JOIN billing_invoiceline l ON l.invoice_id = i.id
              WHERE l.meter = 'goodwill' AND l.price = n.id))
        FROM billing_stripedocument d GROUP BY d.organisation_id""",
}


def reconcile() -> list[Check]:
    """Run every check on one snapshot of the database, so that traffic meanwhile makes no false differences."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not _is_nested():
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return [_run(cursor, name, query) for name, query in _CHECKS.items()]


def reconcile_and_remember() -> ReconcileRun:
    """Compare everything and keep the result for the operators; a difference is logged as an error."""
    began = time.monotonic()
    checks = reconcile()
    found = [{"check": check.name, "difference": one} for check in checks for one in check.differences]
    if found:
        log.error("the books differ in %s places, first %s", len(found), found[0])
    return ReconcileRun.objects.create(
        compared=sum(check.compared for check in checks),
        differences=found[:1000],
        took_ms=int((time.monotonic() - began) * 1000),
    )


def _is_nested() -> bool:
    return len(connection.savepoint_ids) > 0


def _run(cursor: object, name: str, query: str) -> Check:
    query = query.replace("%(money_meters)s", _MONEY).replace("%%", "%")
    cursor.execute(f"SELECT what, found, expected FROM ({query}) AS c (what, found, expected)")  # type: ignore[attr-defined]
    rows = cursor.fetchall()  # type: ignore[attr-defined]
    wrong = [f"{what}: {found} found, {expected} expected" for what, found, expected in rows if found != expected]
    return Check(name, len(rows), wrong)
