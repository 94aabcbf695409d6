"""Says what changing to a plan would cost now, before anybody confirms it; nothing is written."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from apps.accounts.models import Organisation
from apps.accounts.rules import LIMITS, exceeded
from apps.billing.models import Plan, Subscription
from apps.billing.plan_queries import plan_at, subscription_of, used_of_limits
from apps.billing.proration import month_around, share_of
from contracts.problems import Problem

NOW, PERIOD_END = "now", "period_end"


@dataclass(frozen=True)
class Quote:
    """What a change does to the money. Due now is fee − credit; below zero it comes back as credit."""

    plan: Plan
    when: str
    effective_at: datetime
    credit_micros: int = 0  # for the rest of the month under the present plan
    fee_micros: int = 0  # for the rest of the month under the new one
    trial_ends_at: datetime | None = None
    objections: list[str] = field(default_factory=list)  # why it cannot be done as things are

    @property
    def due_micros(self) -> int:
        return self.fee_micros - self.credit_micros


def quote_plan(
    organisation: Organisation, name: str, *, when: str = "", now: datetime | None = None, by_operator: bool = False
) -> Quote:
    """Upgrades are for now, downgrades for the end of the month, unless `when` says otherwise."""
    moment = now or timezone.now()
    present = subscription_of(organisation)
    plan = plan_at(name, currency=organisation.currency, at=moment)
    if not plan.is_public and not by_operator and (present is None or present.plan.name != name):
        raise Problem("yours:not-found", f"There is no plan {name!r}.")
    if present is not None and present.plan.name == plan.name and not present.next_plan:
        raise Problem("yours:state", f"You are on the plan {plan.title} already.")
    is_upgrade = present is None or plan.rank >= present.plan.rank
    chosen = when or (NOW if is_upgrade else PERIOD_END)
    if chosen not in (NOW, PERIOD_END):
        message = f"must be {NOW} or {PERIOD_END}"
        raise Problem("yours:invalid", errors=[{"location": "when", "message": message, "fix": "Leave it out."}])
    objections = _objections(organisation, plan)
    if chosen == PERIOD_END and present is not None:
        return Quote(plan, PERIOD_END, present.renews_at, objections=objections)
    return _quote_now(plan, present, moment, objections)


def _quote_now(plan: Plan, present: Subscription | None, at: datetime, objections: list[str]) -> Quote:
    start, end = month_around(at)
    credit = 0
    if present is not None and present.paid_micros and present.paid_from is not None and present.renews_at > at:
        credit = share_of(present.paid_micros, start=present.paid_from, end=present.renews_at, at=at)
    if plan.trial_days and plan.fee_micros and (present is None or plan.name not in present.had_trial_of):
        ends_at = at + timedelta(days=plan.trial_days)
        return Quote(plan, NOW, at, credit_micros=credit, trial_ends_at=ends_at, objections=objections)
    fee = share_of(plan.fee_micros, start=start, end=end, at=at)
    return Quote(plan, NOW, at, credit_micros=credit, fee_micros=fee, objections=objections)


def _objections(organisation: Organisation, plan: Plan) -> list[str]:
    used = used_of_limits(organisation)
    del used["predictions_per_month"]  # what is predicted is predicted; the rest of the month is the plan's affair
    return [
        f"{have:,} {LIMITS[name]} are in use; {plan.title} allows {most:,}."
        for name, (have, most) in exceeded(plan.limits, used).items()
    ]
