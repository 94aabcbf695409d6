"""Cancel at each state, lost machines, what is charged and what is given back: every sum to the micro-unit."""

import threading
from collections import Counter
from typing import Any

import pytest
import redis
from celery import current_app
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import AuditEntry, Organisation, Switch
from apps.compute.models import Node, Pool, Quota
from apps.ledger.models import Hold
from apps.ledger.queries import balance_of
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import UsageEvent
from apps.outbox.models import OutboxMessage
from apps.training import rules, tasks
from apps.training.models import Attempt, Run
from apps.training.queries import active_slots, place_of, shares_in
from apps.training.services.cancel_run import cancel_run
from apps.training.services.claim_run import claim_run
from apps.training.services.reap_lost_runs import reap_lost_runs
from apps.training.services.wake_waiting import wake_waiting
from contracts.jobs import MAX_ATTEMPTS, WAKE_TRAINER_TASK
from contracts.problems import Problem
from tests.apps.training.trainer import Trainer, lose, node_of, queued_run, ready_version
from tests.people import CREDIT_MICROS, People, give_credit, make_people
from tests.things import a_finished_run

pytestmark = pytest.mark.django_db


def money(organisation: Organisation) -> tuple[int, int, int]:
    """Available, held, charged; the ledger must say the same."""
    wallet = credit_wallet(organisation)
    revenue = balance_of("revenue:" + organisation.id, "USD")
    assert wallet.available_micros == balance_of("customer:" + organisation.id, "USD")
    assert wallet.held_micros == balance_of("held:" + organisation.id, "USD")
    charged = sum(UsageEvent.objects.of(organisation).values_list("amount_micros", flat=True))
    assert revenue == charged
    return wallet.available_micros, wallet.held_micros, charged


# --- cancel -----------------------------------------------------------------------------------------------------------
def test_a_waiting_run_is_cancelled_at_once_and_all_its_money_comes_back(credit: People) -> None:
    run = queued_run(credit.organisation)
    cancelled = cancel_run(run, by=credit.alice)
    assert cancelled.state == "cancelled"
    assert money(credit.organisation) == (CREDIT_MICROS, 0, 0)
    assert Trainer.joined().claim() is None
    assert AuditEntry.objects.filter(action="run.cancel", subject=run.id, actor=credit.alice.id).exists()
    assert cancel_run(run, by=credit.alice).state == "cancelled"
    assert AuditEntry.objects.filter(action="run.cancel").count() == 1


@pytest.mark.parametrize("state", ["running", "validating", "exporting"])
def test_a_run_under_way_is_cancelled_by_its_trainer_and_charged_until_then(credit: People, state: str) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    assert trainer.beat(1, state=state, compute_seconds=3.0).json()["cancel"] is False
    assert cancel_run(run, by=credit.bob).state == state
    assert trainer.beat(2, state=state, compute_seconds=4.0).json()["cancel"] is True
    trainer.worked_for(10)
    assert trainer.finish("cancelled", compute_seconds=4.2).json() == {"state": "cancelled", "model_version": None}
    assert money(credit.organisation) == (CREDIT_MICROS - 5 * 500, 0, 5 * 500)


def test_a_cancelled_run_whose_machine_is_lost_is_ended_by_the_reaper_without_a_charge(credit: People) -> None:
    run = queued_run(credit.organisation)
    Trainer.joined().claim()
    cancel_run(run, by=credit.alice)
    lose(run)
    assert reap_lost_runs() == 1
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert money(credit.organisation) == (CREDIT_MICROS, 0, 0)
    assert reap_lost_runs() == 0


def test_a_run_that_ended_cannot_be_cancelled(credit: People) -> None:
    run = a_finished_run(credit.organisation)
    with pytest.raises(Problem, match="nothing to cancel"):
        cancel_run(run, by=credit.alice)


def test_a_trainer_that_stops_without_being_asked_is_a_failure_of_ours(credit: People) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    trainer.worked_for(20)
    assert trainer.finish("cancelled").json()["state"] == "failed"
    run.refresh_from_db()
    assert run.error_code == "ours:training-crashed"
    assert money(credit.organisation) == (CREDIT_MICROS, 0, 0)


# --- losses -----------------------------------------------------------------------------------------------------------
def test_a_lost_run_resumes_from_its_checkpoint_and_the_third_loss_gives_it_up_uncharged(credit: People) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    for number in range(1, MAX_ATTEMPTS + 1):
        job = trainer.claim()
        assert job is not None
        assert (job.attempt, job.fence, job.checkpoint_step) == (number, number, 7 * (number - 1))
        assert job.budget_seconds == 60
        sha256 = trainer.put("checkpoint.bin", bytes([number])).json()["sha256"]
        checkpoint = {"fence": number, "step": 7 * number, "name": "checkpoint.bin", "sha256": sha256}
        assert trainer.call("checkpoint", checkpoint).status_code == 204
        trainer.beat(1, compute_seconds=9.0, energy_wh=1.0)
        lose(run)
        assert reap_lost_runs() == 1
        run.refresh_from_db()
        assert run.cost_micros == 0
        if number < MAX_ATTEMPTS:
            assert run.state == "queued"
            assert trainer.claim() is None, "the backoff has not passed"
            Run.objects.filter(id=run.id).update(not_before=timezone.now())
    assert (run.state, run.error_code) == ("failed", "ours:worker-lost")
    assert list(run.attempts.values_list("outcome", "charged_micros")) == [("lost", 0)] * MAX_ATTEMPTS
    assert run.energy_wh == 3.0
    assert money(credit.organisation) == (CREDIT_MICROS, 0, 0)
    assert OutboxMessage.objects.filter(topic="wake-trainer").count() == MAX_ATTEMPTS
    assert Hold.objects.get(subject=run.id).state == "closed"


def test_a_resumed_run_is_charged_for_its_last_attempt_only(credit: People) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    trainer.beat(1, compute_seconds=30.0)
    lose(run)
    reap_lost_runs()
    Run.objects.filter(id=run.id).update(not_before=timezone.now())
    trainer.claim()
    trainer.worked_for(20)
    assert trainer.finish(files=trainer.put_package()).json()["state"] == "succeeded"
    assert money(credit.organisation) == (CREDIT_MICROS - 6500, 0, 6500)


# --- charges ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("outcome", "code", "seconds", "charged_seconds"),
    [
        ("failed", "yours:out-of-memory", 8.01, 9),
        ("failed", "ours:training-crashed", 8.01, 0),
        ("failed", "no such code", 8.01, 0),
        ("failed", "yours:budget-spent", 5000.0, 61),  # says more than has passed on the clock
        ("failed", "yours:budget-spent", -3.0, 0),
    ],
)
def test_a_failure_of_yours_is_charged_and_one_of_ours_is_not(
    credit: People, outcome: str, code: str, seconds: float, charged_seconds: int
) -> None:
    queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    trainer.worked_for(60)
    assert trainer.finish(outcome, failure_code=code, compute_seconds=seconds).json()["state"] == "failed"
    assert money(credit.organisation) == (CREDIT_MICROS - charged_seconds * 500, 0, charged_seconds * 500)


def test_the_cap_is_never_exceeded_and_the_trainer_is_told_before(credit: People) -> None:
    queued_run(credit.organisation, max_cost_micros=10_000)  # 20 seconds
    trainer = Trainer.joined()
    trainer.claim()
    assert trainer.beat(1, compute_seconds=19.0).json()["stop_and_keep_best"] is False
    assert trainer.beat(2, compute_seconds=19.6).json()["stop_and_keep_best"] is True
    trainer.worked_for(500)
    trainer.finish(files=trainer.put_package(), compute_seconds=300.0)
    assert money(credit.organisation) == (CREDIT_MICROS - 10_000, 0, 10_000)


def test_without_credit_nothing_starts_and_nothing_is_left_behind(people: People) -> None:
    version = ready_version(people.organisation)
    with pytest.raises(Problem) as refused:
        queued_run(people.organisation, dataset_version=version)
    assert refused.value.code == "yours:no-credit"
    assert not Run.objects.exists()
    assert not Hold.objects.exists()
    assert not OutboxMessage.objects.filter(topic="wake-trainer").exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"target": "nowhere"}, "yours:target-unknown"),
        ({"task": "tabular_regression"}, "yours:target-type"),
        ({"task": "image_classification"}, "yours:target-type"),
        ({"families": ["oracle"]}, "yours:invalid"),
        ({"pool": "quantum"}, "yours:invalid"),
        ({"budget_seconds": 9}, "yours:budget-too-small"),
        ({"max_cost_micros": 1}, "yours:budget-too-small"),
        ({"budget_seconds": 10**6}, "yours:limit-reached"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused_before_any_money_moves(
    credit: People, changes: dict[str, Any], code: str
) -> None:
    version = ready_version(credit.organisation)
    with pytest.raises(Problem) as refused:
        queued_run(credit.organisation, dataset_version=version, **changes)
    assert refused.value.code == code
    assert money(credit.organisation) == (CREDIT_MICROS, 0, 0)


def test_the_switch_pauses_training_and_a_version_under_check_cannot_be_learnt(credit: People) -> None:
    unready = ready_version(credit.organisation, state="checking")
    with pytest.raises(Problem, match="checking"):
        queued_run(credit.organisation, dataset_version=unready)
    Switch.objects.update_or_create(name="pause-training", defaults={"is_on": True, "reason": "moving house"})
    with pytest.raises(Problem, match="moving house"):
        queued_run(credit.organisation)


# --- claims -----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("storage", "pools")
def test_sixteen_threads_never_claim_a_run_twice() -> None:
    people = make_people()
    Pool.objects.filter(name="cpu").update(slots=100)
    version = ready_version(people.organisation)
    for _ in range(24):
        a_finished_run(
            people.organisation, dataset_version=version, state="queued", fence=0, finished_at=None,
            queued_at=timezone.now(),
        )  # fmt: skip
    node, _ = node_of()
    claimed: list[tuple[str, int]] = []
    barrier = threading.Barrier(16)

    def work() -> None:
        try:
            barrier.wait()
            while claim := claim_run(Node.objects.get(id=node.id)):
                claimed.append((claim.job.run_id, claim.job.fence))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 24
    assert Counter(Run.objects.values_list("state", flat=True)) == {"running": 24}
    assert Attempt.objects.count() == 24


def test_a_full_pool_and_an_organisation_at_its_maximum_start_nothing(credit: People) -> None:
    give_credit(credit.elsewhere)
    pool = Pool.objects.get(name="cpu")
    Quota.objects.create(pool=pool, organisation=credit.organisation, max_slots=1)
    first, second = queued_run(credit.organisation), queued_run(credit.organisation)
    trainer = Trainer.joined()
    assert trainer.claim() is not None
    assert trainer.claim() is None
    place = place_of(second)
    assert place is not None
    assert "all the slots" in place.reason
    other = queued_run(credit.elsewhere)
    Pool.objects.update(slots=1)
    assert trainer.claim() is None
    Pool.objects.update(slots=2)
    job = trainer.claim()
    assert job is not None
    assert job.run_id == other.id
    assert first.id != other.id


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    queue=st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 1), st.integers(0, 5)), min_size=1, max_size=8),
    shares=st.lists(st.tuples(st.integers(0, 2), st.none() | st.integers(0, 3)), min_size=3, max_size=3),
)
def test_postgresql_claims_in_the_order_of_the_rules(
    people: People, queue: list[tuple[int, int, int]], shares: list[tuple[int, int | None]]
) -> None:
    Attempt.objects.all().delete()
    Run.objects.all().delete()
    Quota.objects.all().delete()
    third, _ = Organisation.objects.get_or_create(slug="third", defaults={"name": "Third"})
    organisations = [people.organisation, people.elsewhere, third]
    versions = [ready_version(organisation) for organisation in organisations]
    pool = Pool.objects.get(name="cpu")
    for organisation, (guaranteed, most) in zip(organisations, shares, strict=True):
        Quota.objects.create(pool=pool, organisation=organisation, guaranteed_slots=guaranteed, max_slots=most)
    began = timezone.now()
    for which, priority, age in queue:
        a_finished_run(
            organisations[which], dataset_version=versions[which], state="queued", priority=priority, finished_at=None,
            queued_at=began.replace(microsecond=age), not_before=began,
        )  # fmt: skip
    node, _ = node_of()
    while True:
        waiting = [
            rules.Waiting(run.id, run.organisation_id, run.priority, run.queued_at or began)
            for run in Run.objects.filter(state="queued")
        ]
        expected = rules.next_in_line(waiting, active_slots(pool), shares_in(pool), slots=pool.slots)
        claim = claim_run(node)
        assert (claim.job.run_id if claim else None) == (expected.id if expected else None)
        if claim is None:
            return


def test_positions_and_reasons_follow_the_queue(credit: People) -> None:
    first, second = queued_run(credit.organisation), queued_run(credit.organisation)
    place = place_of(second)
    assert place is not None
    assert (place.position, place.reason) == (2, "No machine of this pool is connected at the moment.")
    Node.objects.filter(id=node_of()[0].id).update(last_seen_at=timezone.now())
    places = place_of(first), place_of(second)
    assert [place.position for place in places if place] == [1, 2]
    assert places[1] is not None
    assert places[1].reason == "1 run will start before this one."
    Run.objects.filter(id=second.id).update(priority=5)
    second.refresh_from_db()
    moved = place_of(second)
    assert moved is not None
    assert moved.position == 1


# --- wake-ups ---------------------------------------------------------------------------------------------------------
def test_wake_ups_go_to_the_queue_of_the_pool_and_do_not_pile_up(
    credit: People, redis_server: redis.Redis, settings: Any
) -> None:
    current_app.conf.broker_url = settings.REDIS_URL
    queued_run(credit.organisation)
    queued_run(credit.organisation)
    assert wake_waiting() == 2
    assert wake_waiting() == 0
    assert redis_server.llen("train.cpu") == 2
    tasks.wake_trainer({"pool": "gpu", "run": "run_x"})
    (message,) = redis_server.lrange("train.gpu", 0, -1)
    assert WAKE_TRAINER_TASK.encode() in message
    redis_server.delete("train.cpu")
    tasks.wake_waiting()
    assert redis_server.llen("train.cpu") == 2
