"""Begins each subscription's next month: the plan that was chosen, the version in force, included credit, the fee.

A fee that cannot be paid makes the subscription past due: mails on the day, after 3 and 7 days, and after 14 days the
organisation is suspended with a reason that everybody sees. It is tried again at every turn, so credit that arrives
settles it and lifts the suspension; time under suspension is not charged.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import Plan, Subscription
from apps.billing.plan_queries import plan_at
from apps.billing.proration import month_around, rest_of_month
from apps.billing.rules import amount_text
from apps.billing.services.change_plan import apply_limits, grant_included
from apps.billing.services.tell_people import tell_people
from apps.metering.services.post_adjustment import post_adjustment
from contracts.problems import Problem
from contracts.usage import METER_PLAN

log = logging.getLogger(__name__)
REMINDER_DAYS = (0, 3, 7)
GRACE_DAYS = 14
SUSPENDED = "The fee of the plan is not paid. Top up the credit, and everything goes on at once"


def renew_subscriptions(*, now: datetime | None = None) -> int:
    """Renew what is due, month after month until it is up to date; return how many months were begun."""
    moment = now or timezone.now()
    begun = 0
    due = Subscription.objects.filter(renews_at__lte=moment).exclude(state="closed")
    for pk in due.values_list("pk", flat=True):
        try:
            while _renew(pk, moment):
                begun += 1
        except Exception:  # one organisation's trouble must not keep the others from renewing
            log.exception("could not renew the subscription of %s", pk)
    return begun


@transaction.atomic
def _renew(pk: str, now: datetime) -> bool:
    row = Subscription.objects.select_for_update(of=("self",)).select_related("organisation", "plan").get(pk=pk)
    if row.renews_at > now or row.state == "closed":
        return False
    begins_at = row.renews_at if row.state != "suspended" else now
    plan = _plan_of(row, begins_at)
    fee = rest_of_month(plan.fee_micros, begins_at)
    row.edition += 1
    try:
        _charge(row, plan, fee, begins_at)
    except Problem:
        return _miss(row, plan, fee, now)
    was = row.state
    row.plan, row.next_plan, row.state, row.past_due_since, row.trial_ends_at = plan, "", "active", None, None
    row.paid_micros, row.paid_from, row.renews_at = fee, begins_at, month_around(begins_at)[1]
    row.save()
    apply_limits(row.organisation, plan)
    grant_included(row.organisation, plan, begins_at)
    if was == "suspended":
        _resume(row.organisation)
    return True


def _plan_of(row: Subscription, at: datetime) -> Plan:
    return plan_at(row.next_plan or row.plan.name, currency=row.organisation.currency, at=at)


def _charge(row: Subscription, plan: Plan, fee: int, at: datetime) -> None:
    if fee:
        post_adjustment(
            row.organisation,
            id=f"plan:{row.organisation_id}:{row.edition}:fee",
            meter=METER_PLAN,
            micros=fee,
            price=plan.pk,
            at=at,
            note=f"{plan.title}, {at:%B %Y}",
        )


def _miss(row: Subscription, plan: Plan, fee: int, now: datetime) -> bool:
    """Note that the fee is open; remind, and suspend when the grace is over. Always False: nothing was begun."""
    since = row.past_due_since or now
    changes = {"state": row.state if row.state == "suspended" else "past_due", "past_due_since": since}
    if now >= since + timedelta(days=GRACE_DAYS) and row.state != "suspended":
        changes["state"] = "suspended"
        _suspend(row.organisation)
    Subscription.objects.filter(pk=row.pk).update(**changes)
    due = [day for day in REMINDER_DAYS if now >= since + timedelta(days=day)]
    until = since + timedelta(days=GRACE_DAYS)
    step = "suspended" if changes["state"] == "suspended" else f"day-{due[-1]}"
    text = (
        f"The fee of the plan {plan.title} ({amount_text(fee, row.organisation.currency)}) for "
        f"{row.organisation.name} could not be taken from the credit. "
    )
    text += "Service is suspended until it is paid." if step == "suspended" else f"Please top up by {until:%d %B %Y}."
    tell_people(
        row.organisation,
        event="subscription.suspended" if step == "suspended" else "subscription.past_due",
        subject=f"Payment for {plan.title} is open",
        text=text,
        data={"plan": plan.name, "fee_micros": fee, "step": step},
        dedupe_key=f"dunning:{row.pk}:{since:%Y-%m-%d}:{step}",
    )
    return False


def _suspend(organisation: Organisation) -> None:
    if not organisation.suspended_reason:
        Organisation.objects.filter(pk=organisation.pk).update(suspended_reason=SUSPENDED)
        record_audit(organisation, actor="system", action="organisation.suspend", details={"reason": SUSPENDED})


def _resume(organisation: Organisation) -> None:
    """Only a suspension of our own is lifted; one by an operator stays."""
    lifted = Organisation.objects.filter(pk=organisation.pk, suspended_reason=SUSPENDED).update(suspended_reason="")
    if lifted:
        record_audit(organisation, actor="system", action="organisation.resume")
