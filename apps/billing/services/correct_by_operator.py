"""Refunds, partial credit notes and re-issued invoices: one operator asks with a reason, another one agrees."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import Correction, Invoice, TopUp
from apps.billing.rules import amount_text
from apps.billing.services.correct_invoice import credit_invoice, reissue_invoice
from apps.billing.services.settle_payment import refund_top_up
from contracts.problems import Problem

REFUND, CREDIT_NOTE, REISSUE = "refund", "credit_note", "reissue"


@transaction.atomic
def ask_for_correction(kind: str, subject: TopUp | Invoice, *, amount_micros: int, reason: str, by: User) -> Correction:
    """Problem yours:invalid without an amount and a reason; yours:state when the same is asked for already."""
    reason = reason.strip()
    is_whole = kind == REISSUE
    if not reason or len(reason) > 300 or (amount_micros <= 0 and not is_whole):
        errors = [{"location": "reason", "message": "an amount and a reason are needed", "fix": "Give both."}]
        raise Problem("yours:invalid", errors=errors)
    if isinstance(subject, TopUp) != (kind == REFUND):
        raise ValueError(f"{kind} does not fit {subject!r}")
    try:
        with transaction.atomic():
            asked = Correction.objects.create(
                organisation=subject.organisation,
                kind=kind,
                subject=subject.pk,
                amount_micros=0 if is_whole else amount_micros,
                currency=subject.currency,
                reason=reason,
                asked_by=by,
            )
    except IntegrityError:
        raise Problem("yours:state", "This is asked for already; decide that first.") from None
    _audit(asked, "correction.ask", by)
    return asked


@transaction.atomic
def decide_correction(asked: Correction, *, agree: bool, by: User) -> Correction:
    """Do it, or refuse. What the books do not allow any more is a Problem, and the question stays open.

    Problem yours:not-allowed for the person who asked; yours:state when it is decided already.
    """
    locked = Correction.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=asked.pk)
    if locked.state != "asked":
        raise Problem("yours:state", f"This was {locked.state} already.")
    if agree and locked.asked_by_id == by.pk:
        raise Problem("yours:not-allowed", "Another person than the one who asked has to agree.")
    locked.outcome = _carry_out(locked, by) if agree else ""
    locked.state = "done" if agree else "refused"
    locked.decided_by, locked.decided_at = by, timezone.now()
    locked.save(update_fields=["state", "outcome", "decided_by", "decided_at"])
    _audit(locked, f"correction.{locked.state}", by)
    return locked


def _carry_out(asked: Correction, by: User) -> str:
    if asked.kind == REFUND:
        refund_top_up(TopUp.objects.get(pk=asked.subject), amount_micros=asked.amount_micros, by=by)
        return f"{amount_text(asked.amount_micros, asked.currency)} goes back"
    invoice = Invoice.objects.get(pk=asked.subject)
    if asked.kind == REISSUE:
        return reissue_invoice(invoice, reason=asked.reason, by=by).number
    return credit_invoice(invoice, amount_micros=asked.amount_micros, reason=asked.reason, by=by).number


def _audit(asked: Correction, action: str, by: User) -> None:
    details = {
        "kind": asked.kind,
        "subject": asked.subject,
        "amount_micros": asked.amount_micros,
        "reason": asked.reason,
        "outcome": asked.outcome,
    }
    record_audit(asked.organisation, actor=by, action=action, subject=asked.pk, details=details)
