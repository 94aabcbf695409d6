"""What operators ask about money: revenue and margin, an account's statement, a month under another price."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum

from apps.accounts.models import Organisation
from apps.ledger.models import LedgerEntry, Price
from apps.ledger.rules import customer_account
from apps.ledger.tiers import Tier, tiered_amount
from apps.metering.models import UsageEvent
from contracts.usage import METER_TRAINING_SECONDS


@dataclass(frozen=True)
class Earned:
    """Revenue of a month, and for training what the machines cost us."""

    name: str
    currency: str
    events: int
    revenue_micros: int
    cost_micros: int

    @property
    def margin_micros(self) -> int:
        return self.revenue_micros - self.cost_micros

    @property
    def margin_share(self) -> float:
        return self.margin_micros / self.revenue_micros if self.revenue_micros else 0.0


def earned_by_organisation(period: date) -> list[Earned]:
    names = dict(Organisation.objects.values_list("pk", "name"))
    return _earned(period, "organisation_id", lambda key: names.get(key, key))


def earned_by_pool(period: date) -> list[Earned]:
    """One row per meter and dimension of its price: a pool for training, a latency class for predictions."""
    prices = {price.pk: f"{price.meter} {price.dimension}".strip() for price in Price.objects.all()}
    rows: dict[tuple[str, str], Earned] = {}
    for row in _earned(period, "price", lambda key: prices.get(key, "fees and corrections")):
        before = rows.get((row.name, row.currency), Earned(row.name, row.currency, 0, 0, 0))
        rows[row.name, row.currency] = Earned(
            row.name,
            row.currency,
            before.events + row.events,
            before.revenue_micros + row.revenue_micros,
            before.cost_micros + row.cost_micros,
        )
    return sorted(rows.values(), key=lambda row: -row.revenue_micros)


def _earned(period: date, group: str, name_of: Any) -> list[Earned]:
    costs = _costs()
    found: dict[tuple[str, str], list[int]] = {}
    rows = (
        UsageEvent.objects.filter(period=period)
        .values(group, "currency", "meter", "price")
        .annotate(events=Count("pk"), units_sum=Sum("units"), micros=Sum("amount_micros"))
        .order_by()
    )
    for row in rows:
        sums = found.setdefault((row[group], row["currency"]), [0, 0, 0])
        sums[0] += row["events"]
        sums[1] += row["micros"]
        if row["meter"] == METER_TRAINING_SECONDS:
            sums[2] += row["units_sum"] * costs.get(row["price"], 0)
    earned = [Earned(name_of(key), currency, *sums) for (key, currency), sums in found.items()]
    return sorted(earned, key=lambda row: -row.revenue_micros)


def _costs() -> dict[str, int]:
    """Price id -> what a unit costs us, from the setting that names the cost of a second in each pool."""
    pools = settings.POOL_COST_MICROS
    rows = Price.objects.filter(meter=METER_TRAINING_SECONDS).values_list("pk", "dimension")
    return {pk: pools.get(dimension, 0) for pk, dimension in rows}


@dataclass(frozen=True)
class Under:
    organisation: str
    units: int
    was_micros: int
    would_be_micros: int

    @property
    def difference_micros(self) -> int:
        return self.would_be_micros - self.was_micros


def month_under(
    period: date, *, meter: str, dimension: str, currency: str, tiers: list[Tier], mode: str
) -> list[Under]:
    """Return what each organisation's usage of a meter cost in a month, and what it would have cost."""
    prices = Price.objects.filter(meter=meter, dimension=dimension, currency=currency).values_list("pk", flat=True)
    names = dict(Organisation.objects.values_list("pk", "name"))
    rows = (
        UsageEvent.objects.filter(period=period, meter=meter, price__in=list(prices))
        .values("organisation_id")
        .annotate(units_sum=Sum("units"), micros=Sum("amount_micros"))
        .order_by("-micros")
    )
    return [
        Under(
            names.get(row["organisation_id"], row["organisation_id"]),
            row["units_sum"],
            row["micros"],
            tiered_amount(row["units_sum"], tiers, mode),
        )
        for row in rows
    ]


def account_statement(organisation: Organisation, most: int = 300) -> list[dict[str, Any]]:
    """Return the last movements of spendable credit, newest first, each with the balance after it."""
    entries = LedgerEntry.objects.filter(account=customer_account(organisation.pk)).select_related("transaction")
    balance = int(entries.aggregate(total=Sum("amount_micros"))["total"] or 0)
    rows = []
    for entry in entries.order_by("-pk")[:most]:
        rows.append({"entry": entry, "balance": balance})
        balance -= entry.amount_micros
    return rows
