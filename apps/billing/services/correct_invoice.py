"""Corrects invoices by credit notes: all of it taken back and written again, or an amount given back as credit."""

from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import CreditNote, Invoice
from apps.billing.queries import statement_for
from apps.billing.rules import invoice_number
from apps.billing.services.close_period import store_invoice
from apps.metering.services.post_adjustment import post_adjustment
from apps.webhooks.services.emit import emit
from contracts.ids import new_id
from contracts.problems import Problem
from contracts.usage import METER_GOODWILL


@transaction.atomic
def reissue_invoice(invoice: Invoice, *, reason: str, by: User | str) -> CreditNote:
    """Void the invoice and write it again with the present billing profile; its usage and its total stay the same."""
    locked = _locked(invoice)
    if locked.voided_at is not None:
        raise Problem("yours:state", f"{locked.number} is void already.")
    Invoice.objects.filter(pk=locked.pk).update(voided_at=timezone.now())
    fresh = store_invoice(statement_for(locked.organisation, locked.period_start), edition=locked.edition + 1)
    if (fresh.total_micros, fresh.total_minor) != (locked.total_micros, locked.total_minor):
        raise RuntimeError(f"{locked.number} would change from {locked.total_micros} to {fresh.total_micros}")
    return _note(locked, max(0, locked.total_micros), reason, by, is_void=True, replaced_by=fresh)


@transaction.atomic
def credit_invoice(
    invoice: Invoice, *, amount_micros: int, reason: str, by: User | str, now: datetime | None = None
) -> CreditNote:
    """Give back a part: the credit is there at once, and the open month's invoice shows it as a negative line."""
    locked = _locked(invoice)
    if locked.voided_at is not None:
        raise Problem("yours:state", f"{locked.number} is void.")
    of_month = CreditNote.objects.of(locked.organisation).filter(invoice__period_start=locked.period_start)
    given = sum(of_month.filter(is_void=False).values_list("amount_micros", flat=True))  # over any edition
    if not 0 < amount_micros <= locked.total_micros - given:
        left = max(0, locked.total_micros - given)
        message = f"must be 1 to {left} micros, what is left of {locked.number}"
        raise Problem("yours:invalid", errors=[{"location": "amount_micros", "message": message, "fix": "Lower it."}])
    note = _note(locked, amount_micros, reason, by)
    post_adjustment(
        locked.organisation,
        id=f"note:{note.pk}",
        meter=METER_GOODWILL,
        micros=amount_micros,
        price=note.pk,
        at=now or timezone.now(),
        note=f"Credit note {note.number}",
    )
    return note


def _locked(invoice: Invoice) -> Invoice:
    return Invoice.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=invoice.pk)


def _note(
    invoice: Invoice,
    amount_micros: int,
    reason: str,
    by: User | str,
    *,
    is_void: bool = False,
    replaced_by: Invoice | None = None,
) -> CreditNote:
    reason = reason.strip()
    if not reason or len(reason) > 300:
        errors = [{"location": "reason", "message": "must have 1 to 300 characters", "fix": "Say why."}]
        raise Problem("yours:invalid", errors=errors)
    note = CreditNote.objects.create(
        id=new_id("cdn"),
        organisation=invoice.organisation,
        invoice=invoice,
        number=_next_number(),
        currency=invoice.currency,
        amount_micros=amount_micros,
        is_void=is_void,
        reason=reason,
        replaced_by=replaced_by,
        created_by=by if isinstance(by, User) else None,
    )
    _tell(invoice.organisation, note, by)
    return note


def _tell(organisation: Organisation, note: CreditNote, by: User | str) -> None:
    details = {"number": note.number, "invoice": note.invoice.number, "amount_micros": note.amount_micros}
    emit(organisation, "credit_note.created", details, dedupe_key=f"credit-note:{note.pk}")
    record_audit(organisation, actor=by, action="invoice.credit", subject=note.invoice_id, details=details)


def _next_number() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('credit-note-number', 0))")
    month = f"{timezone.now():%Y-%m}"
    taken = CreditNote.objects.filter(number__startswith=f"CN-{month}-").values_list("number", flat=True)
    return invoice_number(month, taken, prefix="CN")
