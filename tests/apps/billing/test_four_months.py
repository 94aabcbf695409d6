"""Four months of one customer, told in advance to the micro-unit: time zones, plan change, expiry, leap day, open fee.

The clock is an argument everywhere, so the months pass in a second; amounts are reckoned by hand beside each step.
"""

from datetime import date, datetime, timedelta, timezone

import pytest

from apps.accounts.models import Organisation
from apps.billing.models import Invoice, Plan, Subscription
from apps.billing.services.change_plan import change_plan, start_default_plan
from apps.billing.services.close_period import close_due_periods, close_period
from apps.billing.services.renew_subscriptions import renew_subscriptions
from apps.billing.services.verify_invoice import verify_invoice
from apps.compute.services.register_node import register_node
from apps.ledger.models import CreditLot, Wallet
from apps.ledger.queries import price_at
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.settle_lots import settle_due_lots
from apps.webhooks.models import Event
from tests.apps.billing.conftest import Meter

pytestmark = pytest.mark.django_db
EUR = 1_000_000
MICROSECOND = timedelta(microseconds=1)


def at(*parts: int, hours_east: int = 0) -> datetime:
    return datetime(*parts, tzinfo=timezone(timedelta(hours=hours_east)))


@pytest.fixture
def acme(people) -> Organisation:
    organisation = people.organisation
    Organisation.objects.filter(pk=organisation.pk).update(currency="EUR")
    organisation.refresh_from_db()
    began = at(2027, 12, 10)
    start_default_plan(organisation, now=began)
    Plan.objects.create(
        name="pro",
        title="Pro",
        rank=15,
        currency="EUR",
        fee_micros=45 * EUR,
        included_micros=18 * EUR,
        effective_from=at(2020, 1, 1),
    )
    for micros, kind, end in (
        (2 * EUR, "promo", at(2028, 2, 1)),
        (5 * EUR, "promo", at(2028, 2, 10)),
        (50 * EUR, "paid", None),
    ):
        grant_credit(organisation, amount_micros=micros, ref=f"{kind}{end}", kind=kind, expires_at=end, now=began)
    return organisation


@pytest.fixture
def use(people, acme):
    """Predictions at 95 micros each."""
    meter = Meter(people, register_node("serve-1", kind="serve", lifetime_s=3600)[0])
    meter.organisation, meter.price = acme, price_at("predictions", dimension="realtime", currency="EUR")

    def use(moment: datetime, units: int) -> None:
        meter.use(moment, units, currency="EUR")

    return use


def left(organisation: Organisation) -> dict[str, int]:
    """What is left of each grant that has something left."""
    lots = CreditLot.objects.of(organisation).filter(left_micros__gt=0)
    return {f"{lot.kind} {lot.expires_at:%m-%d}" if lot.expires_at else lot.kind: lot.left_micros for lot in lots}


def billed(organisation: Organisation, month: date) -> tuple[int, int, int, int]:
    invoice = Invoice.objects.get(organisation=organisation, period_start=month)
    assert verify_invoice(invoice) == []
    return invoice.total_micros, invoice.carried_micros, invoice.total_minor, invoice.remainder_micros


def december(acme, use):
    use(at(2028, 1, 1) - MICROSECOND, 1_000)  # 95,000
    use(at(2028, 1, 1, 0, 30, hours_east=14), 200)  # Kiritimati has January, UTC has December: 19,000
    use(at(2027, 12, 31, 20, hours_east=-11), 300)  # and Niue the other way round: 28,500 of January
    assert close_period(acme, date(2027, 12, 1), now=at(2028, 1, 1, 1)) is not None
    assert billed(acme, date(2027, 12, 1)) == (114_000, 0, 11, 4_000)


def january(acme, use):
    use(at(2027, 12, 31, 12), 10)  # too late for its month: 950 of January
    settle_due_lots(now=at(2028, 1, 16))
    assert left(acme) == {"promo 02-01": 1_856_550, "promo 02-10": 5 * EUR, "paid": 50 * EUR}
    assert change_plan(acme, "pro", now=at(2028, 1, 16, 12)).due_micros == 22_500_000  # 15.5 of 31 days
    use(at(2028, 1, 20), 10_000)  # 950,000
    assert settle_due_lots(now=at(2028, 2, 1)) == 0  # what ends first was used first, to the last micro
    assert left(acme) == {"promo 02-10": 1_406_550, "paid": 50 * EUR}
    assert renew_subscriptions(now=at(2028, 2, 1)) == 1
    settle_due_lots(now=at(2028, 2, 1))
    assert left(acme) == {"paid": 24_406_550}
    close_due_periods(now=at(2028, 2, 1, 1))
    assert billed(acme, date(2028, 1, 1)) == (23_479_450, 4_000, 2_348, 3_450)


def february(acme, use):
    end = at(2028, 2, 29)
    grant_credit(acme, amount_micros=3 * EUR, ref="leap", kind="promo", expires_at=end, now=at(2028, 2, 5))
    use(end - MICROSECOND, 5_000)  # 475,000, the last that this promotion pays
    assert settle_due_lots(now=end) == 2_525_000
    use(at(2028, 3, 1, 0, 30, hours_east=1), 2_000)  # March in Berlin, the leap day in UTC: 190,000
    use(at(2028, 3, 1) - MICROSECOND, 1)  # 95
    use(at(2028, 2, 29, 19, hours_east=-5), 4)  # the leap day in New York, March in UTC: 380
    close_due_periods(now=at(2028, 3, 1, 1))
    assert billed(acme, date(2028, 2, 1)) == (45_665_095, 3_450, 4_567, -1_455)


def march(acme, use):
    for moment in (at(2028, 3, 1, 0, 5), at(2028, 3, 2), at(2028, 3, 4, 1)):
        assert renew_subscriptions(now=moment) == 0
    assert Subscription.objects.get(pk=acme.pk).state == "past_due"
    assert Event.objects.filter(organisation=acme, kind="subscription.past_due").count() == 2  # the day, three after
    assert credit_wallet(acme).available_micros == 24_216_075
    grant_credit(acme, amount_micros=30 * EUR, ref="top-up", kind="paid", now=at(2028, 3, 6))
    assert renew_subscriptions(now=at(2028, 3, 6)) == 1
    assert Subscription.objects.get(pk=acme.pk).state == "active"
    assert credit_wallet(acme).available_micros == 27_216_075  # 54,216,075 less the fee, with 18 included
    assert change_plan(acme, "payg", now=at(2028, 3, 15)).due_micros == 0
    use(at(2028, 4, 1) - MICROSECOND, 100)  # 9,500
    assert renew_subscriptions(now=at(2028, 4, 1)) == 1
    close_due_periods(now=at(2028, 4, 1, 1))
    assert billed(acme, date(2028, 3, 1)) == (45_009_880, -1_455, 4_501, -1_575)


def test_four_months_come_out_to_the_micro_unit(acme, use, storage, books_are_right):
    for month in (december, january, february, march):
        month(acme, use)
        assert books_are_right(), month.__name__
    settle_due_lots(now=at(2028, 4, 1, 1))
    wallet = Wallet.objects.get(organisation=acme, budget=None)
    assert (wallet.available_micros, wallet.held_micros, wallet.spent_micros) == (27_206_575, 0, 114_268_425)
    assert sum(left(acme).values()) == 27_206_575
    invoices = Invoice.objects.filter(organisation=acme).order_by("period_start")
    assert sum(invoice.total_micros for invoice in invoices) == 114_268_425
    assert sum(invoice.total_minor for invoice in invoices) * 10_000 + invoices.last().remainder_micros == 114_268_425
    assert [invoice.period_start.month for invoice in invoices] == [12, 1, 2, 3]
    assert Subscription.objects.get(pk=acme.pk).plan.name == "payg"
    before = list(invoices.values_list("pk", "usage_sha256"))
    assert close_due_periods(now=at(2028, 4, 2)) == 0
    assert list(invoices.values_list("pk", "usage_sha256")) == before
