"""Moves an organisation to a plan, all or nothing: credit for the rest of the old month, the new fee, the limits.

A change for later is remembered and carried out by renew_subscriptions.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.accounts.services.set_allowance import set_allowance
from apps.billing.models import Plan, Subscription
from apps.billing.plan_queries import DEFAULT_PLAN, plan_at
from apps.billing.proration import month_around
from apps.billing.services.quote_plan import NOW, Quote, quote_plan
from apps.ledger.lots import INCLUDED
from apps.ledger.services.grant_credit import grant_credit
from apps.metering.services.post_adjustment import post_adjustment
from contracts.problems import Problem
from contracts.usage import METER_PLAN, METER_PLAN_CREDIT


@transaction.atomic
def change_plan(
    organisation: Organisation,
    name: str,
    *,
    when: str = "",
    by: User | ApiKey | str = "system",
    now: datetime | None = None,
    by_operator: bool = False,
) -> Quote:
    """Return what was done. Problem yours:limit-reached (too much in use), yours:no-credit, yours:state."""
    moment = now or timezone.now()
    Subscription.objects.select_for_update(of=("self",)).filter(pk=organisation.pk).first()
    if Subscription.objects.filter(pk=organisation.pk, state="closed").exists():
        raise Problem("yours:account-closed")
    quote = quote_plan(organisation, name, when=when, now=moment, by_operator=by_operator)
    if quote.objections:
        raise Problem("yours:limit-reached", " ".join(quote.objections))
    subscription = Subscription.objects.filter(pk=organisation.pk).first()
    if quote.when == NOW or subscription is None:
        _start(organisation, quote, subscription, moment)
    else:
        subscription.next_plan = "" if subscription.plan.name == quote.plan.name else quote.plan.name
        subscription.save(update_fields=["next_plan", "changed_at"])
    record_audit(
        organisation,
        actor=by,
        action="plan.change",
        subject=quote.plan.pk,
        details={"plan": quote.plan.name, "when": quote.when, "due_micros": quote.due_micros},
    )
    return quote


def start_default_plan(organisation: Organisation, *, now: datetime | None = None) -> Subscription:
    """Put a new organisation on the plan that costs nothing until something is used."""
    moment = now or timezone.now()
    plan = plan_at(DEFAULT_PLAN, currency=organisation.currency, at=moment)
    return _start(organisation, Quote(plan, NOW, moment), None, moment)


def apply_limits(organisation: Organisation, plan: Plan) -> None:
    set_allowance(organisation, plan=plan.title, limits=plan.limits)


def grant_included(organisation: Organisation, plan: Plan, at: datetime) -> None:
    """A plan's credit of the month, once a month and plan; it ends with the month."""
    start, end = month_around(at)
    if plan.included_micros:
        grant_credit(
            organisation,
            amount_micros=plan.included_micros,
            ref=f"included:{organisation.pk}:{plan.name}:{start:%Y-%m}",
            kind=INCLUDED,
            expires_at=end,
            note=f"Included in {plan.title}, {start:%B %Y}",
            now=at,
        )


def _start(organisation: Organisation, quote: Quote, present: Subscription | None, at: datetime) -> Subscription:
    row = present or Subscription(organisation=organisation, plan=quote.plan, renews_at=at)
    row.edition += 1
    prefix = f"plan:{organisation.pk}:{row.edition}"
    if quote.credit_micros:
        post_adjustment(
            organisation,
            id=f"{prefix}:credit",
            meter=METER_PLAN_CREDIT,
            micros=quote.credit_micros,
            price=row.plan_id,
            at=at,
            note=f"Rest of the month under {row.plan.title}",
        )
    if quote.fee_micros:
        post_adjustment(
            organisation,
            id=f"{prefix}:fee",
            meter=METER_PLAN,
            micros=quote.fee_micros,
            price=quote.plan.pk,
            at=at,
            note=f"{quote.plan.title} to the end of the month",
        )
    _settle_row(row, quote, at)
    row.save()
    apply_limits(organisation, quote.plan)
    if not quote.trial_ends_at:
        grant_included(organisation, quote.plan, at)
    return row


def _settle_row(row: Subscription, quote: Quote, at: datetime) -> None:
    row.plan, row.next_plan, row.past_due_since = quote.plan, "", None
    row.trial_ends_at = quote.trial_ends_at
    row.paid_micros, row.paid_from = quote.fee_micros, at
    if quote.trial_ends_at:
        row.state, row.renews_at = "trialing", quote.trial_ends_at
        row.had_trial_of = [*row.had_trial_of, quote.plan.name]
    else:
        row.state, row.renews_at = "active", month_around(at)[1]
