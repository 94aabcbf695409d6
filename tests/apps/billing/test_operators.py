"""Operators: credit needs two people, the console shows money, invoices are written again and stay right."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from apps.accounts.models import AuditEntry, User
from apps.billing.models import CreditNote, CreditRequest, Invoice, ReconcileRun
from apps.billing.services.change_profile import change_profile
from apps.billing.services.close_period import close_period
from apps.billing.services.correct_invoice import credit_invoice, reissue_invoice
from apps.billing.services.grant_by_operator import ask_for_credit, decide_credit
from apps.billing.services.reconcile import reconcile_and_remember
from apps.billing.services.true_up import true_up_discounts
from apps.billing.services.verify_invoice import verify_invoice
from apps.console.money_queries import account_statement, earned_by_organisation, month_under
from apps.ledger.models import PriceTiers
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.tiers import Tier
from apps.metering.projection import days_until_overtaken, overtaken_on, project
from contracts.problems import Problem

pytestmark = pytest.mark.django_db
JANUARY = date(2026, 1, 1)


@pytest.fixture
def january(meter, storage):
    for day in (3, 17, 31):
        meter.use(datetime(2026, 1, day, 12, tzinfo=UTC), units=1_000)
    return meter.organisation


@pytest.fixture
def operators(db):
    return [User.objects.create_user(f"op{n}@example.com", "x" * 12, is_staff=True, is_superuser=True) for n in (1, 2)]


def test_credit_needs_a_second_person_and_leaves_two_audit_lines(people, operators, books_are_right):
    first, second = operators
    asked = ask_for_credit(people.organisation, amount_micros=7_000_000, reason="Outage of 3 May", by=first)
    with pytest.raises(Problem) as refused:
        decide_credit(asked, grant=True, by=first)
    assert refused.value.code == "yours:not-allowed"
    assert credit_wallet(people.organisation).available_micros == 0
    decide_credit(asked, grant=True, by=second)
    with pytest.raises(Problem):
        decide_credit(asked, grant=True, by=second)
    assert credit_wallet(people.organisation).available_micros == 7_000_000
    assert CreditRequest.objects.get().decided_by == second
    lines = AuditEntry.objects.filter(action__startswith="credit.").order_by("pk").values_list("action", "actor")
    assert list(lines) == [("credit.ask", first.pk), ("credit.granted", second.pk)]
    assert books_are_right()


def test_a_reissued_invoice_has_the_new_name_and_the_same_money(january, people, books_are_right):
    invoice = close_period(january, JANUARY)
    change_profile(january, {"legal_name": "Acme GmbH", "tax_id_type": "eu_vat", "tax_id": "DE123456789"}, by="system")
    note = reissue_invoice(invoice, reason="Name of the company", by=people.alice)
    fresh = note.replaced_by
    assert (fresh.total_micros, fresh.edition, fresh.customer["legal_name"]) == (300_000, 2, "Acme GmbH")
    invoice.refresh_from_db()
    assert invoice.voided_at is not None
    assert verify_invoice(fresh) == verify_invoice(invoice) == []
    assert close_period(january, JANUARY) == fresh
    with pytest.raises(Problem, match="void already"):
        reissue_invoice(invoice, reason="again", by=people.alice)
    assert books_are_right()


def test_a_credit_note_gives_credit_back_and_never_more_than_the_invoice(january, people, books_are_right):
    invoice = close_period(january, JANUARY)
    before = credit_wallet(january).available_micros
    credit_invoice(invoice, amount_micros=200_000, reason="Slow answers", by=people.alice)
    with pytest.raises(Problem) as refused:
        credit_invoice(invoice, amount_micros=100_001, reason="Slow answers", by=people.alice)
    assert "1 to 100000" in refused.value.errors[0]["message"]
    assert credit_wallet(january).available_micros == before + 200_000
    assert CreditNote.objects.count() == 1
    assert Invoice.objects.get().total_micros == 300_000
    assert books_are_right()


def test_tiers_come_back_as_a_line_and_the_file_still_verifies(january, books_are_right):
    PriceTiers.objects.create(
        meter="predictions",
        dimension="realtime",
        tiers=[{"up_to": 1_000, "unit_price_micros": 0}, {"up_to": None, "unit_price_micros": 90}],
        effective_from=datetime(2025, 1, 1, tzinfo=UTC),
    )
    assert true_up_discounts(january, JANUARY) == 120_000  # 300,000 listed; 2,000 units at 90 are 180,000
    assert true_up_discounts(january, JANUARY) == 0
    invoice = close_period(january, JANUARY)
    assert invoice.total_micros == 180_000
    assert verify_invoice(invoice) == []
    assert books_are_right()


def test_every_line_is_on_the_paper_also_in_letters_it_lacks(january, people, client):
    change_profile(january, {"legal_name": "Żółw Łódź 株式会社", "city": "Köln"}, by="system")
    invoice = close_period(january, JANUARY)
    client.force_login(people.viola)
    answer = client.get(reverse("billing:invoice-pdf", args=[january.slug, invoice.pk]))
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF-")
    assert len(answer.content) > 2_000
    script = client.get(reverse("billing:verifier", args=[january.slug]))
    assert b"Disagreement" in script.content


def test_a_month_under_another_price_and_the_margin(january, settings):
    (row,) = month_under(
        JANUARY, meter="predictions", dimension="realtime", currency="USD", tiers=[Tier(None, 150)], mode="graduated"
    )
    assert (row.units, row.was_micros, row.difference_micros) == (3_000, 300_000, 150_000)
    (earned,) = earned_by_organisation(JANUARY)
    assert (earned.revenue_micros, earned.cost_micros, earned.margin_share) == (300_000, 0, 1.0)
    statement = account_statement(january)
    assert statement[0]["balance"] == credit_wallet(january).available_micros
    assert statement[-1]["balance"] == statement[-1]["entry"].amount_micros


def test_the_console_pages_are_for_staff(january, people, operators, client):
    addresses = [
        reverse("console-revenue"),
        reverse("console-price-preview") + "?meter=predictions&dimension=realtime&currency=USD&unit_price_micros=5"
        "&mode=graduated",
        reverse("console-statement", args=[january.slug]),
        reverse("admin:billing_creditrequest_add"),
        reverse("admin:billing_webhookevent_changelist"),
        reverse("admin:ledger_pricetiers_add"),
    ]
    for user in (AnonymousUser(), people.alice):
        if user.is_authenticated:
            client.force_login(user)
        assert {client.get(address).status_code for address in addresses} == {302}
    client.force_login(operators[0])
    assert [client.get(address).status_code for address in addresses] == [200] * len(addresses)


def test_reconciliation_is_remembered(january):
    run = reconcile_and_remember()
    assert run.differences == []
    assert run.compared > 0
    assert ReconcileRun.objects.get() == run


def test_the_projection_keeps_the_pace_of_the_last_week():
    days = {date(2026, 1, day): 100 for day in range(1, 11)}
    outlook = project(days, today=date(2026, 1, 10), month_end=date(2026, 2, 1))
    assert (outlook.so_far, outlook.likely) == (1_000, 3_100)
    assert project({}, today=date(2026, 2, 28), month_end=date(2026, 3, 1)).likely == 0


def test_the_day_on_which_calls_overtake_training():
    training = {date(2026, 1, 1): 500}
    calls = {date(2026, 1, day): 100 for day in range(1, 10)}
    assert overtaken_on(calls, training) == date(2026, 1, 6)
    assert overtaken_on({}, training) is None
    assert days_until_overtaken(calls_pace=100, training_pace=0, gap=450) == 5
    assert days_until_overtaken(calls_pace=10, training_pace=10, gap=1) is None
