"""The ledger refuses what does not balance and what would change it; wallets never go below zero."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from apps.billing.services.reconcile import reconcile
from apps.ledger.models import LedgerEntry, LedgerTransaction, Price, Wallet
from apps.ledger.queries import balance_of, price_at, statement_of
from apps.ledger.rules import Movement, budget_period
from apps.ledger.services.fill_price_book import fill_price_book
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.move_money import move_money
from apps.ledger.services.open_hold import open_hold
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.post import post
from apps.ledger.services.release_hold import release_hold
from contracts.problems import Problem
from tests.people import give_credit, make_people

AMOUNTS = st.integers(0, 10**15)


def books_are_right():
    return [difference for check in reconcile() for difference in check.differences] == []


@transaction.atomic
def add_entries(posted, *amounts):
    for currency, amount in amounts:
        LedgerEntry.objects.create(transaction=posted, account="a", currency=currency, amount_micros=amount)
    connection.check_constraints()


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_every_movement_balances_and_moves_the_wallet_as_it_moves_the_ledger(a, b, c, d, e):
    movement = Movement(set_aside=a, give_back=b, charge_held=c, charge_available=d, write_off=e)
    entries = movement.entries("org_1")
    assert sum(entries.values()) == 0
    assert entries["customer:org_1"] == movement.available_change
    assert entries["held:org_1"] == movement.held_change
    assert entries["revenue:org_1"] == movement.spent_change == c + d


@given(st.datetimes(), st.sampled_from(["month", "total"]))
def test_a_budget_period_contains_its_moment(moment, period):
    if moment.year in (1, 9999):
        return
    moment = moment.replace(tzinfo=UTC)
    start, end = budget_period(period, moment)
    assert (start, end) == (None, None) if period == "total" else start <= moment < end


def test_a_movement_cannot_be_negative():
    with pytest.raises(ValueError, match="negative"):
        Movement(set_aside=-1)


@pytest.mark.django_db
class TestBooks:
    def test_the_same_ref_counts_once(self, people):
        for _ in range(3):
            grant_credit(people.organisation, amount_micros=700, ref="welcome:1")
        assert credit_wallet(people.organisation).available_micros == 700
        assert balance_of(f"customer:{people.organisation.pk}", "USD") == 700
        assert balance_of("funding:grant", "USD") == -700
        assert statement_of(people.organisation).get().amount_micros == 700
        assert books_are_right()

    def test_an_unbalanced_transaction_is_refused_by_the_service_and_by_the_database(self, people):
        with pytest.raises(ValueError, match="sum to zero"):
            post("grant", ref="x", organisation=None, entries={"a": 1, "b": -2}, currency="USD")
        posted = post("grant", ref="y", organisation=None, entries={"a": 1, "b": -1}, currency="USD")
        with pytest.raises(DatabaseError, match="does not sum to zero"):
            add_entries(posted, ("USD", 1))

    def test_amounts_of_two_currencies_do_not_cancel_out(self, people):
        posted = post("grant", ref="y", organisation=None, entries={"a": 1, "b": -1}, currency="USD")
        with pytest.raises(DatabaseError, match="does not sum to zero"):
            add_entries(posted, ("USD", 5), ("EUR", -5))

    def test_a_transaction_without_entries_is_refused(self, people):
        LedgerTransaction.objects.create(kind="grant", ref="z", at=datetime(2026, 1, 1, tzinfo=UTC))
        with pytest.raises(DatabaseError, match="two sides"), transaction.atomic():
            connection.check_constraints()
        transaction.set_rollback(True)  # the row cannot stay, and cannot be deleted either

    @pytest.mark.parametrize("model", [LedgerEntry, LedgerTransaction, Price])
    def test_the_books_cannot_be_rewritten(self, people, model):
        give_credit(people.organisation)
        field = {LedgerEntry: "amount_micros", LedgerTransaction: "kind", Price: "unit_price_micros"}[model]
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            model.objects.update(**{field: 1})
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            model.objects.all()._raw_delete("default")

    def test_a_hold_takes_credit_and_gives_it_back_once(self, people):
        give_credit(people.organisation, 1_000)
        open_hold(people.organisation, subject="run_1", amount_micros=900)
        with pytest.raises(Problem) as refused:
            open_hold(people.organisation, subject="run_2", amount_micros=101)
        assert (refused.value.code, refused.value.status) == ("yours:no-credit", 402)
        with pytest.raises(Problem):
            open_hold(people.organisation, subject="run_1", amount_micros=1)
        assert books_are_right()
        assert [release_hold("run_1"), release_hold("run_1"), release_hold("run_9")] == [True, False, False]
        wallet = credit_wallet(people.organisation)
        assert (wallet.available_micros, wallet.held_micros, wallet.spent_micros) == (1_000, 0, 0)
        assert books_are_right()

    def test_a_price_is_chosen_by_its_moment(self, db):
        later = datetime(2027, 1, 1, tzinfo=UTC)
        Price.objects.create(meter="predictions", dimension="realtime", unit_price_micros=150, effective_from=later)
        before = price_at("predictions", dimension="realtime", currency="USD", at=later - timedelta(microseconds=1))
        assert before.unit_price_micros == 100
        assert price_at("predictions", dimension="realtime", currency="USD", at=later).unit_price_micros == 150
        with pytest.raises(Problem, match="no price"):
            price_at("predictions", dimension="realtime", currency="XXX")

    def test_a_wallet_below_zero_is_refused_by_the_database(self, people):
        wallet = credit_wallet(people.organisation)
        with pytest.raises(DatabaseError, match="never_overspent"), transaction.atomic():
            Wallet.objects.filter(pk=wallet.pk).update(available_micros=-1)

    def test_a_post_paid_customer_may_go_down_to_the_overdraft(self, people):
        wallet = credit_wallet(people.organisation)
        Wallet.objects.filter(pk=wallet.pk).update(overdraft_micros=500)
        open_hold(people.organisation, subject="run_1", amount_micros=500)
        with pytest.raises(Problem):
            open_hold(people.organisation, subject="run_2", amount_micros=1)
        assert books_are_right()


@pytest.mark.django_db(transaction=True)
def test_sixty_four_spenders_never_overspend_and_the_last_unit_is_spent():
    fill_price_book(Price)
    people = make_people()
    give_credit(people.organisation, 300)
    wallet = credit_wallet(people.organisation)
    taken, gate = [], threading.Barrier(64)

    def spend(number):
        gate.wait()
        for turn in range(8):
            try:
                taken.append(move_money(wallet, Movement(charge_available=1), kind="usage", ref=f"u:{number}:{turn}"))
            finally:
                connection.close()  # back to the pool, which is smaller than 64

    running = [threading.Thread(target=spend, args=[number]) for number in range(64)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert (taken.count(True), taken.count(False)) == (300, 64 * 8 - 300)
    wallet.refresh_from_db()
    assert (wallet.available_micros, wallet.spent_micros) == (0, 300)
    assert balance_of(f"revenue:{people.organisation.pk}", "USD") == 300
