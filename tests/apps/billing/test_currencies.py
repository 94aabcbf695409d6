"""Currencies of 0, 2 and 3 decimals: prices, credit, plans and invoices in one's own, and nothing is converted."""

from datetime import UTC, date, datetime

import pytest
from rest_framework.test import APIClient

from apps.billing.models import Plan
from apps.billing.queries import statement_for
from apps.billing.rules import minor_text
from apps.billing.services.change_currency import change_currency, offered_currencies
from apps.billing.services.change_plan import change_plan
from apps.billing.services.close_period import close_period
from apps.billing.services.open_account import open_account
from apps.billing.services.start_top_up import start_top_up
from apps.billing.services.verify_invoice import verify_invoice
from apps.endpoints.models import Endpoint
from apps.endpoints.services.publish_config import build_config
from apps.ledger.models import LedgerEntry, Price
from apps.ledger.queries import price_at
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.open_wallet import credit_wallet
from apps.web.numbers import money
from contracts.problems import Problem
from tests.people import key_for

pytestmark = pytest.mark.django_db
UNIT = 1_000_000
JANUARY = date(2026, 1, 1)


def account(people, currency):
    return open_account(f"Acme {currency}", owner=people.alice, currency=currency)


@pytest.mark.parametrize(
    ("currency", "welcome", "price", "units", "total_minor", "remainder"),
    [
        ("USD", 5 * UNIT, 100, 12_345, 123, 4_500),
        ("EUR", 5 * UNIT, 95, 12_345, 117, 2_775),
        ("JPY", 750 * UNIT, 15_000, 12_345, 185, 175_000),
        ("KWD", 1_500_000, 31, 12_345, 383, -305),
    ],
)
def test_usage_is_billed_in_the_currencys_own_minor_units(
    people, meter, storage, books_are_right, currency, welcome, price, units, total_minor, remainder
):
    organisation = account(people, currency)
    assert credit_wallet(organisation).available_micros == welcome
    meter.organisation, meter.price = organisation, price_at("predictions", dimension="realtime", currency=currency)
    assert meter.price.unit_price_micros == price
    meter.use(datetime(2026, 1, 5, tzinfo=UTC), units, currency=currency)
    invoice = close_period(organisation, JANUARY)
    assert (invoice.currency, invoice.total_micros) == (currency, units * price)
    assert (invoice.total_minor, invoice.remainder_micros) == (total_minor, remainder)
    assert verify_invoice(invoice) == []
    assert set(LedgerEntry.objects.filter(transaction__organisation=organisation).values_list("currency")) == {
        (currency,)
    }
    assert books_are_right()


def test_amounts_are_shown_with_the_decimals_of_their_currency():
    assert [money(1_500_000, code) for code in ("USD", "EUR", "JPY", "KWD")] == [
        "$1.50",
        "€1.50",
        "1.5 JPY",
        "1.500 KWD",
    ]
    assert [money(2_000_000, code) for code in ("USD", "JPY", "KWD")] == ["$2.00", "2 JPY", "2.000 KWD"]
    assert (money(1_234_567_890_000, "JPY"), money(-15_000, "JPY")) == ("1,234,568 JPY", "−0.015 JPY")
    assert [minor_text(1_234, code) for code in ("USD", "JPY", "KWD")] == ["12.34 USD", "1,234 JPY", "1.234 KWD"]


def test_usage_in_another_currency_than_ones_own_is_refused_and_not_converted(people, meter):
    meter.organisation = account(people, "JPY")
    meter.use(datetime(2026, 1, 5, tzinfo=UTC), 3)  # at a price in dollars
    assert statement_for(meter.organisation, JANUARY).total_micros == 0


def test_plans_and_their_proration_are_in_the_own_currency(people, books_are_right):
    organisation = account(people, "JPY")
    grant_credit(organisation, amount_micros=20_000 * UNIT, ref="much")
    terms = {"name": "pro", "title": "Pro", "rank": 15, "effective_from": datetime(2020, 1, 1, tzinfo=UTC)}
    Plan.objects.create(currency="JPY", fee_micros=7_501 * UNIT, **terms)
    Plan.objects.create(currency="USD", fee_micros=49 * UNIT, **terms)
    change_plan(organisation, "pro", by="system", now=datetime(2026, 2, 15, tzinfo=UTC))
    assert credit_wallet(organisation).spent_micros == 3_750_500_000  # half of a February
    assert {plan.currency for plan in Plan.objects.filter(name="team")} == {"USD", "EUR", "JPY", "KWD"}
    assert books_are_right()


def test_a_top_up_is_bounded_and_stepped_as_cards_pay_in_that_currency(people, double):
    yen, dinar = account(people, "JPY"), account(people, "KWD")
    for organisation, micros in ((yen, 149 * UNIT), (yen, 150_500_000), (dinar, 1_001_000), (dinar, 999_000)):
        with pytest.raises(Problem) as refused:
            start_top_up(organisation, amount_micros=micros)
        assert refused.value.code == "yours:invalid"
    assert start_top_up(yen, amount_micros=3_000 * UNIT).currency == "JPY"
    assert start_top_up(dinar, amount_micros=1_010_000).currency == "KWD"
    amounts = {one["currency"]: one["amount_total"] for one in double.store.objects["session"].values()}
    assert amounts == {"jpy": 3_000, "kwd": 1_010}


def test_the_currency_changes_until_something_costs_and_the_welcome_is_given_anew(people, books_are_right):
    organisation = account(people, "USD")
    for currency, welcome in (("JPY", 750 * UNIT), ("KWD", 1_500_000), ("USD", 5 * UNIT), ("JPY", 750 * UNIT)):
        change_currency(organisation, currency, by=people.alice)
        wallet = credit_wallet(organisation)
        assert (wallet.currency, wallet.available_micros) == (currency, welcome)
        assert books_are_right()
    Endpoint.objects.create(organisation=organisation, name="iris")
    with pytest.raises(Problem) as refused:
        change_currency(organisation, "EUR", by=people.alice)
    assert "endpoints" in refused.value.detail
    (endpoint,) = [one for one in build_config(1).endpoints if one.organisation == organisation.pk]
    assert (endpoint.price.currency, endpoint.price.unit_price_micros) == ("JPY", 15_000)


def test_credit_of_any_other_kind_fixes_the_currency(people):
    organisation = account(people, "USD")
    grant_credit(organisation, amount_micros=1, ref="a gift")
    with pytest.raises(Problem):
        change_currency(organisation, "EUR", by=people.alice)


def test_only_currencies_that_are_priced_throughout_are_offered(people):
    assert offered_currencies() == ["USD", "EUR", "JPY", "KWD"]
    Price.objects.create(
        meter="predictions",
        dimension="realtime",
        currency="CHF",
        unit_price_micros=90,
        effective_from=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert "CHF" not in offered_currencies()
    with pytest.raises(Problem):
        account(people, "CHF")


def test_owners_choose_over_rest_and_at_sign_up(people, client):
    organisation = account(people, "USD")
    _, secret = key_for(organisation, people.alice)
    api = APIClient(headers={"Authorization": f"Bearer {secret}"})
    told = api.patch("/api/v1/currency", {"currency": "KWD"}, format="json").json()
    assert (told["currency"], told["decimals"], told["fixed_by"]) == ("KWD", 3, None)
    assert api.patch("/api/v1/currency", {"currency": "XXX"}, format="json").status_code == 422
    client.force_login(people.alice)
    client.post("/organisations/new", {"name": "Tokyo", "currency": "JPY"})
    assert "JPY" in client.get("/o/tokyo/billing/profile").content.decode()
    assert client.post("/o/tokyo/billing/currency", {"currency": "EUR"}).status_code == 302
    assert "€" in client.get("/o/tokyo/billing/credit").content.decode()
