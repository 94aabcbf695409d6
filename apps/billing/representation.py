"""Invoices, budgets, top-ups and credit movements as the public API shows them."""

from typing import Any

from django.utils import timezone

from apps.billing.models import CreditNote, Invoice, TopUp
from apps.billing.queries import Statement
from apps.billing.services.write_usage_file import public_key
from apps.ledger.models import Budget, CreditLot, LedgerEntry
from apps.ledger.rules import budget_period

_LINE_NAMES = ("position", "meter", "description", "endpoint", "run", "price", "unit_price_micros", "units")
_TOTAL_NAMES = ("number", "currency", "total_micros", "carried_micros", "total_minor", "remainder_micros")


def shown_statement(statement: Statement, *, with_lines: bool = False) -> dict[str, Any]:
    """A month that is not closed: the same shape as an invoice, with state `draft`."""
    lines = [_shown_line(line) for line in statement.lines]
    return _shown(statement, "draft", statement.usage_events, lines if with_lines else None)


def shown_invoice(invoice: Invoice, *, with_lines: bool = False) -> dict[str, Any]:
    lines = [_shown_line(line) for line in invoice.lines.order_by("position")] if with_lines else None
    return {
        **_shown(invoice, "void" if invoice.voided_at else "closed", invoice.usage_events, lines),
        "closed_at": invoice.closed_at.isoformat(),
        "usage_file": f"/api/v1/invoices/{invoice.pk}/usage.jsonl",
        "usage_sha256": invoice.usage_sha256,
        "public_key": public_key(),
        "pdf": f"/api/v1/invoices/{invoice.pk}/pdf",
        "customer": invoice.customer,
    }


def shown_budget(budget: Budget, used_micros: int) -> dict[str, Any]:
    _, end = budget_period(budget.period, timezone.now())
    return {
        "id": budget.pk,
        "object": "budget",
        "name": budget.name,
        "scope": budget.scope,
        "scope_id": budget.scope_id,
        "period": budget.period,
        "is_hard": budget.is_hard,
        "measure": budget.measure,
        "limit_micros": budget.limit_micros,
        "used_micros": used_micros,
        "percent": used_micros * 100 // budget.limit_micros if budget.limit_micros else None,
        "resets_at": end.isoformat() if end else None,
        "created_at": budget.created_at.isoformat(),
    }


def shown_top_up(top_up: TopUp) -> dict[str, Any]:
    return {
        "id": top_up.pk,
        "object": "top_up",
        "amount_micros": top_up.amount_micros,
        "currency": top_up.currency,
        "state": top_up.state,
        "checkout_url": top_up.checkout_url or None,
        "is_automatic": top_up.is_automatic,
        "refunded_micros": top_up.refunded_micros,
        "created_at": top_up.created_at.isoformat(),
        "paid_at": top_up.paid_at.isoformat() if top_up.paid_at else None,
    }


def shown_lot(lot: CreditLot) -> dict[str, Any]:
    """A grant of credit and what became of it."""
    names = ("kind", "note", "currency", "amount_micros", "used_micros", "expired_micros", "withdrawn_micros")
    return {
        "id": lot.pk,
        "object": "credit_lot",
        **{name: getattr(lot, name) for name in names},
        "left_micros": lot.left_micros,
        "granted_at": lot.granted_at.isoformat(),
        "expires_at": lot.expires_at.isoformat() if lot.expires_at else None,
    }


def shown_credit_note(note: CreditNote) -> dict[str, Any]:
    return {
        "id": note.pk,
        "object": "credit_note",
        "number": note.number,
        "invoice": note.invoice_id,
        "currency": note.currency,
        "amount_micros": note.amount_micros,
        "is_void": note.is_void,
        "reason": note.reason,
        "replaced_by": note.replaced_by_id,
        "created_at": note.created_at.isoformat(),
    }


def shown_credit_entry(entry: LedgerEntry) -> dict[str, Any]:
    """One movement of spendable credit; positive amounts came in."""
    return {
        "id": str(entry.pk),
        "object": "credit_entry",
        "kind": entry.transaction.kind,
        "ref": entry.transaction.ref,
        "note": entry.transaction.note,
        "amount_micros": entry.amount_micros,
        "currency": entry.currency,
        "at": entry.transaction.at.isoformat(),
    }


def _shown(source: Any, state: str, usage_events: int, lines: list[dict[str, Any]] | None) -> dict[str, Any]:
    shown = {
        "id": source.id,
        "object": "invoice",
        "state": state,
        "period_start": source.period_start.isoformat(),
        "period_end": source.period_end.isoformat(),
        **{name: getattr(source, name) for name in _TOTAL_NAMES},
        "usage_events": usage_events,
    }
    return shown if lines is None else {**shown, "lines": lines}


def _shown_line(line: Any) -> dict[str, Any]:
    shown = {name: getattr(line, name) for name in _LINE_NAMES}
    return {**shown, "amount_micros": line.amount_micros}
