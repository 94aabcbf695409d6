"""Reads of billing: what an invoice says, what a budget has used, which months wait to be closed."""

from dataclasses import dataclass, field
from datetime import date

from django.utils import timezone

from apps.accounts.models import Organisation
from apps.billing.models import Invoice
from apps.billing.rules import round_half_even
from apps.endpoints.models import Endpoint
from apps.ledger.models import Budget
from apps.ledger.rules import budget_period
from apps.metering.queries import BilledLine, amount_in, billed_lines, key_family, units_in
from apps.metering.rules import month_after, month_of
from apps.training.models import Run
from contracts.usage import (
    METER_BATCH_ROWS,
    METER_COMMITMENT,
    METER_DISCOUNT,
    METER_GOODWILL,
    METER_OVERAGE,
    METER_PLAN,
    METER_PLAN_CREDIT,
    METER_PREDICTIONS,
    METER_RUN_CREDIT,
    METER_TRAINING_SECONDS,
)

_TITLES = {
    METER_PREDICTIONS: "Predictions",
    METER_BATCH_ROWS: "Batch predictions",
    METER_TRAINING_SECONDS: "Training, seconds",
    METER_OVERAGE: "Not charged: usage beyond the credit",
    METER_PLAN: "Plan",
    METER_PLAN_CREDIT: "Back for the rest of a month under another plan",
    METER_COMMITMENT: "To the agreed minimum",
    METER_DISCOUNT: "Tiers and included amounts",
    METER_GOODWILL: "Credited for a fault of ours",
    METER_RUN_CREDIT: "Credited, it failed for a reason of ours",
}


@dataclass(frozen=True)
class Line:
    position: int
    meter: str
    description: str
    endpoint: str
    run: str
    price: str
    unit_price_micros: int
    units: int
    amount_micros: int


@dataclass(frozen=True)
class Statement:
    """A month in money, computed from usage events: the draft of an invoice, and what an invoice is made of."""

    organisation: Organisation
    period_start: date
    period_end: date  # exclusive
    currency: str
    lines: list[Line] = field(default_factory=list)
    total_micros: int = 0
    carried_micros: int = 0
    total_minor: int = 0
    remainder_micros: int = 0
    usage_events: int = 0

    id: str = "draft"
    number: str = "draft"


def statement_for(organisation: Organisation, period: date) -> Statement:
    """Fold a month's usage into lines and a total, rounded once; the remainder goes into the next invoice."""
    billed = billed_lines(organisation, period)
    total = sum(line.amount_micros for line in billed)
    carried = carried_into(organisation, period)
    minor, remainder = round_half_even(total + carried, organisation.currency)
    return Statement(
        organisation=organisation,
        period_start=period,
        period_end=month_after(period),
        currency=organisation.currency,
        lines=_described(organisation, billed),
        total_micros=total,
        carried_micros=carried,
        total_minor=minor,
        remainder_micros=remainder,
        usage_events=sum(line.events for line in billed),
    )


def carried_into(organisation: Organisation, period: date) -> int:
    """Return the remainder of the invoice before `period`."""
    before = (
        Invoice.objects.of(organisation)
        .filter(period_start__lt=period, voided_at=None)
        .order_by("-period_start")
        .first()
    )
    return before.remainder_micros if before else 0


def used_by_budget(budget: Budget) -> int:
    """Return what counts against a budget in its present period, from usage events: micros, of a quota predictions."""
    start, end = budget_period(budget.period, timezone.now())
    scope: dict[str, object] = {} if budget.scope == "organisation" else {budget.scope: budget.scope_id}
    if budget.scope == "key":
        scope = {"key__in": key_family(budget.organisation, budget.scope_id)}
    if budget.measure == "units":
        return units_in(budget.organisation, meter=METER_PREDICTIONS, start=start, **scope)
    return amount_in(budget.organisation, start=start, end=end, **scope)


def current_month() -> date:
    return month_of(timezone.now())


def _described(organisation: Organisation, billed: list[BilledLine]) -> list[Line]:
    endpoints = dict(
        Endpoint.objects.of(organisation).filter(pk__in={line.endpoint for line in billed}).values_list("pk", "name")
    )
    runs = dict(Run.objects.of(organisation).filter(pk__in={line.run for line in billed}).values_list("pk", "name"))
    return [
        Line(
            position=position,
            meter=line.meter,
            description=_description(line, endpoints, runs),
            endpoint=line.endpoint,
            run=line.run,
            price=line.price,
            unit_price_micros=line.unit_price_micros,
            units=line.units,
            amount_micros=line.amount_micros,
        )
        for position, line in enumerate(billed, start=1)
    ]


def _description(line: BilledLine, endpoints: dict[str, str], runs: dict[str, str]) -> str:
    title = _TITLES.get(line.meter, line.meter)
    subject = runs.get(line.run) or endpoints.get(line.endpoint) or line.run or line.endpoint
    return f"{title}: {subject}"[:200] if subject else title
