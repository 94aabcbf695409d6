"""Credit that operators give: one asks with a reason, another one agrees; both are in the audit log."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import CreditRequest
from apps.ledger.services.grant_credit import grant_credit
from contracts.problems import Problem


@transaction.atomic
def ask_for_credit(
    organisation: Organisation, *, amount_micros: int, reason: str, by: User, expires_at: datetime | None = None
) -> CreditRequest:
    """Problem yours:invalid without a positive amount and a reason."""
    if amount_micros <= 0 or not reason.strip():
        errors = [{"location": "reason", "message": "an amount and a reason are needed", "fix": "Give both."}]
        raise Problem("yours:invalid", errors=errors)
    request = CreditRequest.objects.create(
        organisation=organisation,
        amount_micros=amount_micros,
        reason=reason.strip()[:300],
        expires_at=expires_at,
        asked_by=by,
    )
    _audit(request, "credit.ask", by)
    return request


@transaction.atomic
def decide_credit(request: CreditRequest, *, grant: bool, by: User) -> CreditRequest:
    """Problem yours:not-allowed for the person who asked; yours:state when it is decided already."""
    locked = CreditRequest.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=request.pk)
    if locked.state != "asked":
        raise Problem("yours:state", f"This was {locked.state} already.")
    if grant and locked.asked_by_id == by.pk:
        raise Problem("yours:not-allowed", "Another person than the one who asked has to agree.")
    locked.state = "granted" if grant else "refused"
    locked.decided_by, locked.decided_at = by, timezone.now()
    locked.save(update_fields=["state", "decided_by", "decided_at"])
    if grant:
        grant_credit(
            locked.organisation,
            amount_micros=locked.amount_micros,
            ref=f"operator:{locked.pk}",
            note=locked.reason,
            expires_at=locked.expires_at,
        )
    _audit(locked, f"credit.{locked.state}", by)
    return locked


def _audit(request: CreditRequest, action: str, by: User) -> None:
    record_audit(
        request.organisation,
        actor=by,
        action=action,
        subject=request.pk,
        details={"amount_micros": request.amount_micros, "reason": request.reason},
    )
