"""Retraining by itself: due once, started once, judged on the same rows, promoted only when better."""

import json
import threading
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from apps.datasets.models import DatasetVersion
from apps.endpoints.queries import main_deployment
from apps.learning.models import Retraining, RetrainingPolicy
from apps.learning.retraining_rules import chosen_rows, compare, loss_of, next_due, warm_families
from apps.learning.services.advance_retraining import advance, advance_all
from apps.learning.services.change_policy import change_policy
from apps.learning.services.label_request import label_request
from apps.learning.services.start_due import begin, start_due
from apps.learning.versus import fresh_from
from apps.training.models import Candidate, Run
from apps.webhooks.models import Event
from contracts.jobs import FAMILIES
from contracts.problems import Problem
from tests.apps.learning.keeping import keep
from tests.things import EVALUATION, a_model_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def policy(world):
    return change_policy(world.endpoint, every_days=7, ask_first=False, by=world.people.bob)


def due(policy):
    RetrainingPolicy.objects.filter(pk=policy.pk).update(next_due_at=timezone.now() - timedelta(minutes=1))


def finish_run(world, one, answers):
    """The run succeeds and brings a version that answered rows of the data unseen."""
    for state in ("running", "succeeded"):
        Run.objects.filter(pk=one.run_id).update(state=state)
    rows = list(range(len(answers)))
    truth = [["a", "b"][row % 2] for row in rows]
    report = EVALUATION | {"unseen": {"rows": rows, "truth": truth, "answers": answers}}
    return a_model_version(
        world.people.organisation,
        model=world.first.model,
        evaluation=report,
        run=Run.objects.get(pk=one.run_id),
        dataset_version=one.dataset_version,
    )


def finish_batch(one, answers):
    lines = ["row,prediction,probability_a,probability_b,error"]
    lines += [f"{row},{'a' if p[0] > p[1] else 'b'},{p[0]},{p[1]}," for row, p in enumerate(answers)]
    key = default_storage.save("result.csv", ContentFile("\r\n".join(lines).encode()))
    one.batch.result_key, one.batch.state = key, "succeeded"
    one.batch.save()


def right(row, share):
    return [share, 1 - share] if row % 2 == 0 else [1 - share, share]


def run_through(world, policy, *, new, now):
    due(policy)
    assert start_due() == 1
    one = Retraining.objects.get()
    for _ in range(2):
        assert advance(one.pk)
    one.refresh_from_db()
    assert one.state == "training"
    version = finish_run(world, one, [right(row, new) for row in range(60)])
    assert advance(one.pk)
    one.refresh_from_db()
    assert one.state == "comparing"
    assert one.batch.model_version == world.first
    finish_batch(one, [right(row, now) for row in range(60)])
    assert advance(one.pk)
    one.refresh_from_db()
    return one, version


def test_a_better_version_serves_by_itself(world, policy):
    one, version = run_through(world, policy, new=0.9, now=0.6)
    assert one.state == "promoted"
    assert one.comparison["rows"] == 60
    assert one.comparison["loss_new"] < one.comparison["loss_now"]
    assert main_deployment(world.endpoint).model_version == version
    assert Event.objects.filter(kind="retraining.finished").count() == 1


def test_a_version_that_is_not_better_stays_out(world, policy):
    one, _ = run_through(world, policy, new=0.6, now=0.9)
    assert one.state == "kept"
    assert main_deployment(world.endpoint).model_version == world.first


def test_a_better_version_waits_where_people_want_to_be_asked(world, policy):
    change_policy(world.endpoint, ask_first=True, by=world.people.bob)
    one, version = run_through(world, policy, new=0.9, now=0.6)
    assert one.state == "waiting"
    assert main_deployment(world.endpoint).model_version == world.first
    page = reverse("learning:learning", args=["acme", world.endpoint.pk])
    assert "Let it serve" in world.bob.get(page).content.decode()
    address = reverse("learning:verdict", args=["acme", world.endpoint.pk, one.pk])
    world.bob.post(address, {"verdict": "promote"})
    assert main_deployment(world.endpoint).model_version == version
    one.refresh_from_db()
    assert (one.state, one.decided_by) == ("promoted", world.people.bob)


def test_the_run_has_the_serving_versions_settings_and_starts_warm(world, policy):
    Run.objects.filter(pk=world.first.run_id).update(seed=7, budget_seconds=33)
    Candidate.objects.create(run=world.first.run, family="linear")
    note = "gradient_boosting 60%, linear_plain in log 40%"
    Candidate.objects.create(run=world.first.run, family="ensemble", note=note, is_best=True)
    due(policy)
    start_due()
    for _ in range(2):
        advance_all()
    run = Run.objects.get(state="queued")
    assert (run.seed, run.budget_seconds, run.target) == (7, 33, "species")
    assert run.families == ["linear", "gradient_boosting"]
    assert run.dataset_version == world.data


def test_a_due_time_starts_once_and_a_second_look_finds_nothing(world, policy):
    due(policy)
    assert [start_due(), start_due()] == [1, 0]
    policy.refresh_from_db()
    assert policy.next_due_at > timezone.now() + timedelta(days=6)


def test_a_due_time_while_another_is_under_way_is_passed_over(world, policy):
    assert begin(policy, "asked:1", "asked")
    due(policy)
    assert start_due() == 0
    assert Retraining.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_at_once_start_one_run(world):
    policy = change_policy(world.endpoint, every_days=1, by=world.people.bob)
    due(policy)
    barrier = threading.Barrier(2)
    faults = []

    def look():
        try:
            barrier.wait(10)
            for _ in range(4):
                start_due()
                advance_all()
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    assert Retraining.objects.count() == 1
    assert Retraining.objects.get().state == "training"
    assert Run.objects.filter(state="queued").count() == 1


def test_labels_that_wait_come_due_and_into_the_data(world, policy):
    change_policy(world.endpoint, every_days=None, new_rows=10, by=world.people.bob)
    for mass in range(9):
        label_request(keep(world, float(mass)), label="b", by=world.people.bob)
    assert start_due() == 0
    label_request(keep(world, 9.0), label="b", by=world.people.bob)
    assert start_due() == 1
    one = Retraining.objects.get()
    advance(one.pk)
    grown = DatasetVersion.objects.get(extends=world.data)
    assert not advance(one.pk)  # its check is not done
    DatasetVersion.objects.filter(pk=grown.pk).update(
        state="ready", rows=110, columns=world.data.columns, format="parquet"
    )
    assert advance(one.pk)
    one.refresh_from_db()
    assert one.run.dataset_version == grown
    assert fresh_from(grown, world.first) == 100
    assert start_due() == 0


def test_without_credit_it_fails_in_words_and_nothing_changes(world, policy):
    change_policy(world.endpoint, max_cost_micros=10**12, by=world.people.bob)
    due(policy)
    start_due()
    for _ in range(2):
        advance_all()
    one = Retraining.objects.get()
    assert one.state == "failed"
    assert one.run is None
    assert "redit" in one.detail
    assert main_deployment(world.endpoint).model_version == world.first


def test_a_policy_with_numbers_that_make_no_sense_is_refused(world):
    with pytest.raises(Problem) as refused:
        change_policy(world.endpoint, every_days=0, new_rows=1, by=world.people.bob)
    assert [one["location"] for one in refused.value.errors] == ["every_days", "new_rows"]


def test_missed_times_are_not_made_up_for():
    start = timezone.now()
    assert next_due(start, start + timedelta(days=10), 3) == start + timedelta(days=12)
    assert next_due(start, start, 3) == start + timedelta(days=3)


def test_fresh_rows_judge_alone_when_there_are_enough():
    unseen = {"rows": list(range(100))}
    assert chosen_rows(unseen, 60) == (list(range(60, 100)), 40)
    assert chosen_rows(unseen, 90) == (list(range(100)), 10)
    assert chosen_rows(unseen, None) == (list(range(100)), 0)


def test_a_gain_that_is_mere_luck_is_not_better():
    noisy = [1.0, 0.0] * 20
    assert not compare(noisy, [0.0, 1.0] * 19 + [0.0, 0.9], 0).is_better
    assert compare([1.0] * 40, [0.9] * 40, 0).is_better
    assert not compare([0.9] * 40, [0.9] * 40, 0).is_better


def test_a_loss_is_that_of_the_right_class_or_the_distance():
    assert loss_of("a", [0.5, 0.5], ["a", "b"]) == pytest.approx(0.6931, abs=1e-3)
    assert loss_of("new", [0.5, 0.5], ["a", "b"]) > 9
    assert loss_of(2.0, 3.5, []) == 1.5


def test_warm_families_are_the_members_of_the_ensemble():
    known = FAMILIES["tabular_classification"]
    assert warm_families([("ensemble", "boosting_small 70%, mlp 30%", True)], known) == ["boosting_small", "mlp"]
    assert warm_families([("extra_trees", "", True), ("mlp", "", False)], known) == ["extra_trees"]
    assert warm_families([("baseline", "", True)], known) == []
    assert json.dumps(warm_families([], known)) == "[]"
