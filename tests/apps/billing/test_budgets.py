"""Hard budgets stop spending and count what was used before; soft ones mail; months roll."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.billing.services.change_budget import change_budget
from apps.billing.services.delete_budget import delete_budget
from apps.billing.services.open_account import open_account
from apps.billing.services.roll_budgets import alert_budgets, roll_budget_periods
from apps.billing.services.set_budget import set_budget
from apps.ledger.models import Wallet
from apps.ledger.services.open_hold import open_hold
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.release_hold import release_hold
from apps.metering.services.charge_hold import HoldCharge, charge_hold
from apps.metering.services.grant_lease import grant_lease
from apps.outbox.models import OutboxMessage
from contracts.problems import Problem
from contracts.usage import LeaseRequest

pytestmark = pytest.mark.django_db


def wallet_of(budget):
    return Wallet.objects.get(budget=budget)


def test_an_account_opens_with_its_welcome_credit(people, settings, books_are_right):
    settings.WELCOME_CREDIT_MICROS = 1_234
    organisation = open_account("New", owner=people.alice)
    assert credit_wallet(organisation).available_micros == 1_234
    assert books_are_right()


def test_a_hard_budget_is_spent_through_leases_and_never_overspent(people, meter, books_are_right):
    budget = set_budget(people.organisation, name="cap", scope="organisation", limit_micros=2_000)
    wallet, credit = wallet_of(budget), credit_wallet(people.organisation)
    lent = 0
    for _ in range(20):
        lease = grant_lease(meter.node, LeaseRequest("boot", wallet.pk, 1_000, 100))
        money = grant_lease(meter.node, LeaseRequest("boot", credit.pk, 100, 100))
        meter.use(timezone.now(), 1, leases={wallet.pk: lease.id, credit.pk: money.id})
        lent += lease.granted_micros
    assert lent == 2_000
    with pytest.raises(Problem) as refused:
        grant_lease(meter.node, LeaseRequest("boot", wallet.pk, 100, 100))
    assert refused.value.extra["budget_id"] == budget.pk
    assert refused.value.extra["resets_at"] is not None
    assert books_are_right()
    wallet.refresh_from_db()
    assert (wallet.available_micros, wallet.held_micros, wallet.spent_micros) == (0, 0, 2_000)


def test_what_was_used_before_counts(people, meter, books_are_right):
    meter.use(timezone.now(), 15)
    budget = set_budget(people.organisation, name="cap", scope="organisation", limit_micros=2_000)
    assert (wallet_of(budget).available_micros, wallet_of(budget).spent_micros) == (500, 1_500)
    assert books_are_right()


def test_a_run_is_held_against_the_hard_budget_too(people, meter, books_are_right):
    budget = set_budget(people.organisation, name="cap", scope="organisation", limit_micros=2_000)
    with pytest.raises(Problem) as refused:
        open_hold(people.organisation, subject="run_1", amount_micros=2_001)
    assert refused.value.code == "yours:budget-exhausted"
    assert credit_wallet(people.organisation).held_micros == 0
    open_hold(people.organisation, subject="run_2", amount_micros=2_000)
    assert books_are_right()
    price = meter.price.pk
    charge = HoldCharge(id="run_2:1", meter="predictions", units=7, price=price, amount_micros=700)
    assert [charge_hold("run_2", events=[charge]), charge_hold("run_2", events=[charge])] == [700, 700]
    assert release_hold("run_2") is False
    wallet = wallet_of(budget)
    assert (wallet.available_micros, wallet.held_micros, wallet.spent_micros) == (1_300, 0, 700)
    assert books_are_right()


def test_a_run_is_never_charged_more_than_its_hold(people, meter, books_are_right):
    open_hold(people.organisation, subject="run_1", amount_micros=500)
    charge = HoldCharge(id="run_1:1", meter="predictions", units=7, price=meter.price.pk, amount_micros=700)
    assert charge_hold("run_1", events=[charge]) == 500
    assert credit_wallet(people.organisation).spent_micros == 500
    assert books_are_right()
    wrong = HoldCharge(id="run_2:1", meter="predictions", units=7, price=meter.price.pk, amount_micros=1)
    open_hold(people.organisation, subject="run_2", amount_micros=500)
    with pytest.raises(ValueError, match="do not follow"):
        charge_hold("run_2", events=[wrong])


def test_a_limit_moves_but_not_below_what_is_spent(people, meter, books_are_right):
    meter.use(timezone.now(), 15)
    budget = set_budget(people.organisation, name="cap", scope="organisation", limit_micros=2_000)
    change_budget(budget, limit_micros=5_000, name="more")
    assert wallet_of(budget).available_micros == 3_500
    with pytest.raises(Problem, match="spent or lent out"):
        change_budget(budget, limit_micros=1_499)
    change_budget(budget, limit_micros=1_500)
    assert books_are_right()


def test_a_removed_budget_stops_nothing_and_a_new_month_brings_a_new_wallet(people, meter):
    budget = set_budget(people.organisation, name="cap", scope="organisation", limit_micros=100)
    old = wallet_of(budget)
    Wallet.objects.filter(pk=old.pk).update(
        period_start=old.period_start - timedelta(days=31), period_end=old.period_start, available_micros=0
    )
    with pytest.raises(Problem) as refused:
        grant_lease(meter.node, LeaseRequest("boot", old.pk, 100, 100))
    assert refused.value.status == 402
    roll_budget_periods()
    new = Wallet.objects.filter(budget=budget).exclude(pk=old.pk).get()
    assert grant_lease(meter.node, LeaseRequest("boot", new.pk, 100, 100)).granted_micros == 100
    delete_budget(budget)
    with pytest.raises(Problem, match="removed"):
        grant_lease(meter.node, LeaseRequest("boot", new.pk, 100, 100))
    open_hold(people.organisation, subject="run_1", amount_micros=200)


def test_alerts_are_mailed_once_per_step(people, meter):
    budget = set_budget(
        people.organisation, name="soft", scope="key", scope_id=_key(people), limit_micros=1_000, is_hard=False
    )
    assert not Wallet.objects.filter(budget=budget).exists()
    meter.use(timezone.now(), 4, key=budget.scope_id)
    assert alert_budgets() == 0
    meter.use(timezone.now(), 4, key=budget.scope_id)
    assert [alert_budgets(), alert_budgets()] == [1, 0]
    meter.use(timezone.now(), 4, key=budget.scope_id)
    assert alert_budgets() == 1
    subjects = [one.payload["subject"] for one in OutboxMessage.objects.filter(topic="mail").order_by("pk")]
    assert subjects == ["Budget soft: 75 % used", "Budget soft: 100 % used"]
    assert OutboxMessage.objects.filter(topic="mail").first().payload["to"] == [people.alice.email]


def test_a_budget_needs_a_scope_of_ones_own(people):
    for scope, scope_id in (("endpoint", "ep_no"), ("key", "key_no"), ("organisation", people.elsewhere.pk)):
        with pytest.raises(Problem):
            set_budget(people.organisation, name="x", scope=scope, scope_id=scope_id, limit_micros=1)


def _key(people):
    from tests.people import key_for

    return key_for(people.organisation, people.alice)[0].pk
