"""A run that fails for a reason of ours: its seconds and a credit that names it, in one transaction and once."""

import threading

import pytest
from django.db import connection
from django.utils import timezone

from apps.billing.queries import current_month, statement_for
from apps.billing.services.reconcile import reconcile
from apps.billing.services.set_budget import set_budget
from apps.billing.services.true_up import true_up_discounts
from apps.ledger.models import Hold, LedgerTransaction, PriceTiers, Wallet
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import UsageEvent
from apps.metering.rules import month_start
from apps.metering.services.charge_hold import HoldCharge, charge_hold
from apps.metering.services.reverse_hold_charge import reverse_hold_charge
from apps.training.models import Run
from apps.training.services.reap_lost_runs import reap_lost_runs
from contracts.jobs import MAX_ATTEMPTS
from contracts.usage import METER_RUN_CREDIT, METER_TRAINING_SECONDS
from tests.apps.training.test_lifecycle import lose
from tests.apps.training.trainer import Trainer, queued_run
from tests.people import CREDIT_MICROS, People, give_credit, make_people

pytestmark = pytest.mark.django_db


def books() -> list[str]:
    return [difference for check in reconcile() for difference in check.differences]


def lines_of(people: People) -> list[tuple[str, int]]:
    return [
        (line.description, line.amount_micros) for line in statement_for(people.organisation, current_month()).lines
    ]


def failed(credit: People, code: str, **values: object) -> Run:
    run = queued_run(credit.organisation, name="Churn in May", **values)
    trainer = Trainer.joined()
    trainer.claim()
    trainer.worked_for(60)
    trainer.finish("failed", failure_code=code, compute_seconds=8.01)
    run.refresh_from_db()
    return run


@pytest.mark.parametrize("code", ["ours:training-crashed", "ours:export-failed", "ours:storage-unavailable"])
def test_the_invoice_shows_the_seconds_and_a_negative_line_that_names_the_run(credit: People, code: str) -> None:
    run = failed(credit, code)
    assert lines_of(credit) == [
        ("Training, seconds: Churn in May", 9 * 500),
        ("Credited, it failed for a reason of ours: Churn in May", -9 * 500),
    ]
    assert statement_for(credit.organisation, current_month()).total_micros == 0
    event = UsageEvent.objects.get(meter=METER_RUN_CREDIT)
    assert (event.run, event.ledger_ref) == (run.id, f"reversal:{run.id}")
    reversal = LedgerTransaction.objects.get(ref=f"reversal:{run.id}")
    assert "Churn in May" in reversal.note
    assert credit_wallet(credit.organisation).available_micros == CREDIT_MICROS
    assert run.cost_micros == 0
    assert books() == []


def test_a_run_that_lost_its_machine_too_often_is_credited_for_all_it_used(credit: People) -> None:
    run = queued_run(credit.organisation, name="Unlucky")
    trainer = Trainer.joined()
    for _ in range(MAX_ATTEMPTS):
        trainer.claim()
        trainer.beat(1, compute_seconds=9.0)
        lose(run)
        assert reap_lost_runs() == 1
        Run.objects.filter(id=run.id, state="queued").update(not_before=timezone.now())
    assert reap_lost_runs() == 0
    amounts = [amount for _, amount in lines_of(credit)]
    assert amounts == [27 * 500, -27 * 500]
    assert books() == []


def test_what_is_yours_and_what_you_cancelled_is_not_credited(credit: People) -> None:
    failed(credit, "yours:out-of-memory")
    assert [amount for _, amount in lines_of(credit)] == [9 * 500]
    assert not UsageEvent.objects.filter(meter=METER_RUN_CREDIT).exists()


def test_the_hard_budget_over_the_organisation_gets_it_back_too(credit: People) -> None:
    budget = set_budget(credit.organisation, name="cap", scope="organisation", limit_micros=1_000_000)
    failed(credit, "ours:training-crashed")
    wallet = Wallet.objects.get(budget=budget)
    assert (wallet.available_micros, wallet.held_micros, wallet.spent_micros) == (1_000_000, 0, 0)
    assert books() == []


def test_tiers_take_nothing_off_seconds_that_came_back(credit: People) -> None:
    PriceTiers.objects.create(
        meter=METER_TRAINING_SECONDS,
        dimension="cpu",
        mode="graduated",
        tiers=[{"up_to": None, "unit_price_micros": 400}],
        effective_from=month_start(current_month()),
    )
    failed(credit, "ours:training-crashed")
    assert true_up_discounts(credit.organisation, current_month()) == 0
    failed(credit, "yours:out-of-memory")
    assert true_up_discounts(credit.organisation, current_month()) == 9 * 100
    assert books() == []


@pytest.mark.django_db(transaction=True)
def test_eight_processes_that_credit_at_once_credit_once(pools: None) -> None:
    people = make_people()
    give_credit(people.organisation)
    run = queued_run(people.organisation)
    charge = HoldCharge("charge", METER_TRAINING_SECONDS, 7, run.price, 7 * run.unit_price_micros, run=run.id)
    charge_hold(run.id, events=[charge])
    given: list[int] = []

    def credit() -> None:
        try:
            given.append(reverse_hold_charge(run.id))
        finally:
            connection.close()

    threads = [threading.Thread(target=credit) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(given) == [0] * 7 + [3_500]
    assert Hold.objects.get(subject=run.id).charged_micros == 3_500
    assert credit_wallet(people.organisation).available_micros == CREDIT_MICROS
    assert books() == []
