"""Corrections in the console: reason, two people, buttons; what the books do not allow stays open."""

from datetime import UTC, date, datetime

import httpx
import pytest
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import AuditEntry, User
from apps.billing.models import Correction, CreditNote, Invoice, TopUp
from apps.billing.services.close_period import close_period
from apps.billing.services.correct_by_operator import ask_for_correction, decide_correction
from apps.billing.services.receive_webhook import apply_event
from apps.billing.services.start_top_up import start_top_up
from apps.billing.services.tell_documents import tell_documents
from apps.billing.stripe_double.faults import COMMIT_THEN_DROP, Faults
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.open_wallet import credit_wallet
from apps.outbox.models import OutboxMessage
from apps.outbox.services.dispatch import dispatch_waiting
from contracts.problems import Problem
from tests.people import CREDIT_MICROS

pytestmark = pytest.mark.django_db
USD = 1_000_000


@pytest.fixture
def operators(db):
    return [User.objects.create_user(f"op{n}@example.com", "x" * 12, is_staff=True, is_superuser=True) for n in (1, 2)]


@pytest.fixture
def invoice(meter, storage):
    meter.use(datetime(2026, 1, 17, 12, tzinfo=UTC), units=3_000)
    return close_period(meter.organisation, date(2026, 1, 1))


@pytest.fixture
def payment(people):
    grant_credit(people.organisation, amount_micros=20 * USD, ref="stripe:intent:pi_1", source="stripe")
    return TopUp.objects.create(
        organisation=people.organisation,
        amount_micros=20 * USD,
        currency="USD",
        state="paid",
        payment_intent="pi_1",
    )


def ask(client, operator, kind, subject, **fields):
    client.force_login(operator)
    return client.post(reverse("console-correction-ask", args=[kind, subject.pk]), fields)


def decide(client, operator, decision="agree"):
    client.force_login(operator)
    asked = Correction.objects.get(state="asked")
    return client.post(reverse("console-correction-decide", args=[asked.pk]), {"decision": decision})


def test_a_payment_is_paid_back_by_two_people_with_a_reason(client, operators, payment, people, books_are_right):
    first, second = operators
    assert ask(client, first, "refund", payment, amount="5.00", reason="").status_code == 200
    assert not Correction.objects.exists()
    ask(client, first, "refund", payment, amount="5.00", reason="Bought twice")
    decide(client, first)
    assert Correction.objects.get().state == "asked"
    decide(client, second)
    payment.refresh_from_db()
    assert payment.refunded_micros == 5 * USD
    assert credit_wallet(people.organisation).available_micros == 15 * USD
    assert OutboxMessage.objects.filter(topic="stripe-refund").count() == 1
    done = Correction.objects.get()
    assert (done.state, done.asked_by, done.decided_by) == ("done", first, second)
    actions = AuditEntry.objects.filter(subject=done.pk).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["correction.ask", "correction.done"]
    assert books_are_right()


def test_a_credit_note_over_a_part_and_the_same_question_is_open_once(client, operators, invoice, books_are_right):
    first, second = operators
    ask(client, first, "credit_note", invoice, amount="0.1", reason="Slow on the 17th")
    again = ask(client, second, "credit_note", invoice, amount="0.1", reason="Slow on the 17th")
    assert "asked for already" in again.content.decode()
    decide(client, second)
    note = CreditNote.objects.get()
    assert (note.amount_micros, note.reason) == (100_000, "Slow on the 17th")
    assert Correction.objects.get().outcome == note.number
    assert credit_wallet(invoice.organisation).available_micros == CREDIT_MICROS - 300_000 + 100_000
    assert books_are_right()


def test_an_invoice_is_voided_and_written_again_by_two_people(client, operators, invoice, books_are_right):
    ask(client, operators[0], "reissue", invoice, reason="Moved to another street")
    decide(client, operators[1])
    assert [one.voided_at is None for one in Invoice.objects.order_by("edition")] == [False, True]
    assert CreditNote.objects.get().reason == "Moved to another street"
    assert books_are_right()


def test_what_the_books_do_not_allow_changes_nothing_and_stays_open(operators, invoice, payment, books_are_right):
    first, second = operators
    too_much = ask_for_correction("credit_note", invoice, amount_micros=300_001, reason="x", by=first)
    refund = ask_for_correction("refund", payment, amount_micros=21 * USD, reason="x", by=first)
    for asked in (too_much, refund):
        with pytest.raises(Problem):
            decide_correction(asked, agree=True, by=second)
        asked.refresh_from_db()
        assert asked.state == "asked"
        decide_correction(asked, agree=False, by=first)
        with pytest.raises(Problem):
            decide_correction(asked, agree=True, by=second)
    assert not CreditNote.objects.exists()
    assert books_are_right()


def test_the_pages_are_for_staff_and_the_buttons_lead_there(client, operators, invoice, payment, people):
    places = [
        reverse("console-corrections"),
        reverse("console-correction-ask", args=["refund", payment.pk]),
        reverse("console-correction-ask", args=["credit_note", invoice.pk]),
        reverse("console-correction-ask", args=["reissue", invoice.pk]),
        reverse("admin:billing_invoice_change", args=[invoice.pk]),
        reverse("admin:billing_topup_change", args=[payment.pk]),
    ]
    client.force_login(people.alice)
    assert {client.get(place).status_code for place in places} == {302}
    client.force_login(operators[0])
    pages = [client.get(place) for place in places]
    assert [page.status_code for page in pages] == [200] * len(places)
    assert "Void and write again" in pages[4].content.decode()
    assert "Pay back" in pages[5].content.decode()
    assert client.get(reverse("admin:billing_topup_refund", args=[payment.pk])).url == places[1]
    assert client.get(reverse("console-correction-ask", args=["gift", payment.pk])).status_code == 404


def test_each_correction_reaches_stripe_once_also_when_answers_are_lost(
    client, operators, invoice, people, double, books_are_right
):
    paid = start_top_up(people.organisation, amount_micros=20 * USD)
    httpx.post(paid.checkout_url)
    (event,) = double.store.objects["event"].values()
    assert apply_event(event)
    tell_documents()
    for kind, subject, amount in (("refund", paid, "5"), ("credit_note", invoice, "0.1"), ("reissue", invoice, "")):
        ask(client, operators[0], kind, subject, amount=amount, reason="Slow on the 17th")
        asked = Correction.objects.get(state="asked")
        for _ in range(2):  # the second press of the button finds it decided
            client.force_login(operators[1])
            client.post(reverse("console-correction-decide", args=[asked.pk]), {"decision": "agree"})
        double.faults = Faults(rate=1.0, most=1, kinds=(COMMIT_THEN_DROP,))
        for _ in range(3):
            OutboxMessage.objects.update(available_at=timezone.now(), lease_until=None)
            dispatch_waiting()
            tell_documents()
    stands = double.store.objects
    assert [one["amount"] for one in stands["refund"].values()] == [500]
    notes = {note.pk: note.is_void for note in CreditNote.objects.all()}
    told = {one["metadata"]["credit_note"]: one["amount"] for one in stands["credit_note"].values()}
    assert {(notes[pk], amount) for pk, amount in told.items()} == {(False, 10), (True, 20)}
    assert len(stands["credit_note"]) == len(told) == len(notes) == 2
    assert [one["total"] for one in stands["invoice"].values()] == [30, 20]
    assert set(Correction.objects.values_list("state", flat=True)) == {"done"}
    assert books_are_right()
