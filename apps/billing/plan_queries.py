"""Reads of plans: the versions in force, an organisation's subscription, what it uses of its limits."""

from datetime import datetime

from django.utils import timezone

from apps.accounts.models import Organisation
from apps.accounts.queries import seats_taken
from apps.billing.models import Plan, Subscription
from apps.datasets.queries import stored_bytes
from apps.endpoints.queries import living_endpoints
from apps.metering.queries import units_in
from apps.metering.rules import month_of, month_start
from apps.training.queries import runs_under_way
from contracts.problems import Problem
from contracts.usage import METER_PREDICTIONS

DEFAULT_PLAN = "payg"


def plans_in_force(currency: str, at: datetime | None = None) -> list[Plan]:
    """Return the present version of every plan, cheapest rank first."""
    rows = Plan.objects.filter(currency=currency, effective_from__lte=at or timezone.now())
    newest = rows.order_by("name", "-effective_from").distinct("name")
    return sorted(newest, key=lambda plan: (plan.rank, plan.name))


def plan_at(name: str, *, currency: str, at: datetime | None = None) -> Plan:
    """Return the version of a plan in force at `at`. Problem yours:not-found."""
    rows = Plan.objects.filter(name=name, currency=currency, effective_from__lte=at or timezone.now())
    plan = rows.order_by("-effective_from").first()
    if plan is None:
        raise Problem("yours:not-found", f"There is no plan {name!r} in {currency}.")
    return plan


def subscription_of(organisation: Organisation) -> Subscription | None:
    return Subscription.objects.filter(pk=organisation.pk).select_related("plan", "organisation").first()


def used_of_limits(organisation: Organisation) -> dict[str, int]:
    """Return word of a limit -> how much of it is in use; rates are not in use in this sense."""
    month = month_start(month_of(timezone.now()))
    return {
        "endpoints": living_endpoints(organisation).count(),
        "storage_bytes": stored_bytes(organisation),
        "seats": seats_taken(organisation),
        "runs_at_once": runs_under_way(organisation),
        "predictions_per_month": units_in(organisation, meter=METER_PREDICTIONS, start=month),
    }
