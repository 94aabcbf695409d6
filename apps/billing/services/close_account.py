"""Closes an organisation's account: nothing is served or bought any more, the rest of the month's fee comes back.

Data, invoices and credit stay; the last month is invoiced when it is over, and the copy at Stripe ends by itself. An
operator can open it again, which begins a month of the plan anew.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.accounts.services.revoke_api_key import revoke_api_key
from apps.billing.models import AutoTopUp, Subscription
from apps.billing.proration import share_of
from apps.metering.services.post_adjustment import post_adjustment
from contracts.problems import Problem
from contracts.usage import METER_PLAN_CREDIT

CLOSED = "The account is closed. Write to us to open it again"


@transaction.atomic
def close_account(organisation: Organisation, *, by: User | str, now: datetime | None = None) -> int:
    """Return the micros that came back as credit. Problem yours:account-closed when it is closed already."""
    moment = now or timezone.now()
    row = Subscription.objects.select_for_update(of=("self",)).select_related("plan").filter(pk=organisation.pk).first()
    if row is not None and row.state == "closed":
        raise Problem("yours:account-closed")
    back = _give_back(organisation, row, moment) if row is not None else 0
    AutoTopUp.objects.filter(pk=organisation.pk).update(is_on=False)
    for key in ApiKey.objects.of(organisation).filter(revoked_at=None):
        revoke_api_key(key, by=by)
    Organisation.objects.filter(pk=organisation.pk, suspended_reason="").update(suspended_reason=CLOSED)
    record_audit(organisation, actor=by, action="account.close", details={"credited_micros": back})
    return back


@transaction.atomic
def open_account_again(organisation: Organisation, *, by: User | str, now: datetime | None = None) -> None:
    """The plan's next month begins with the next renewal, now. Problem yours:state when it is not closed."""
    moment = now or timezone.now()
    closed = Subscription.objects.filter(pk=organisation.pk, state="closed")
    if not closed.update(state="active", renews_at=moment, paid_micros=0, paid_from=None):
        raise Problem("yours:state", "This account is not closed.")
    Organisation.objects.filter(pk=organisation.pk, suspended_reason=CLOSED).update(suspended_reason="")
    record_audit(organisation, actor=by, action="account.open")


def _give_back(organisation: Organisation, row: Subscription, at: datetime) -> int:
    credit = 0
    if row.paid_micros and row.paid_from is not None and row.renews_at > at:
        credit = share_of(row.paid_micros, start=row.paid_from, end=row.renews_at, at=at)
    row.edition += 1
    if credit:
        post_adjustment(
            organisation,
            id=f"plan:{organisation.pk}:{row.edition}:credit",
            meter=METER_PLAN_CREDIT,
            micros=credit,
            price=row.plan_id,
            at=at,
            note=f"Rest of the month under {row.plan.title}",
        )
    row.state, row.next_plan, row.past_due_since, row.trial_ends_at = "closed", "", None, None
    row.paid_micros, row.paid_from = 0, None
    row.save()
    return credit
