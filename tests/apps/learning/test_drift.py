"""Drift: what counts as far apart, what is mere chance, and who is told once."""

import random

import pytest
from django.urls import reverse

from apps.learning.drift_rules import OTHER, compare, is_drifting, of_histogram, of_values, profile_of
from apps.learning.models import Drift
from apps.learning.services.keep_requests import keep_requests
from apps.learning.services.measure_drift import measure_drift
from apps.outbox.models import OutboxMessage
from apps.webhooks.models import Event
from tests.apps.learning.keeping import kept
from tests.people import key_for

EDGES = [float(n) for n in range(0, 101, 5)]
FLAT = {"name": "mass", "type": "number", "missing_share": 0.0, "histogram": {"edges": EDGES, "counts": [50] * 20}}


def drawn(low, high, rows, seed=1):
    numbers = random.Random(seed)
    return [numbers.uniform(low, high) for _ in range(rows)]


def test_the_same_distribution_is_no_drift_however_few_rows():
    profile = profile_of(FLAT, 1000)
    for seed in range(20):
        assert compare(profile, drawn(0, 100, 200, seed)).excess < 0.1


def test_a_shifted_distribution_is_drift():
    found = compare(profile_of(FLAT, 1000), drawn(60, 160, 300))
    assert found.excess > 1
    assert sum(bin["now"] for bin in found.bins) == pytest.approx(1, abs=0.01)


def test_values_that_stop_coming_are_drift():
    assert compare(profile_of(FLAT, 1000), [None] * 150 + drawn(0, 100, 150)).excess > 0.2


def test_too_few_rows_say_nothing():
    assert compare(profile_of(FLAT, 1000), drawn(60, 160, 199)) is None


def test_a_new_category_counts_as_another():
    column = {"name": "c", "type": "category", "missing_share": 0.0, "top": [{"value": "a", "count": 900}]}
    found = compare(profile_of(column, 1000), ["a"] * 100 + ["new"] * 200)
    assert next(bin for bin in found.bins if bin["name"] == OTHER)["now"] == pytest.approx(2 / 3, abs=0.01)
    assert found.excess > 0.5


def test_a_column_of_one_value_notices_others():
    profile = of_histogram("one", [3.0, 3.0 + 1e-9], [500], 0.0, 500)
    assert compare(profile, [3.0] * 300).excess == 0
    assert compare(profile, [4.0] * 300).excess > 1


def test_a_lopsided_histogram_still_has_bins_that_can_be_compared():
    profile = of_histogram("x", [float(n) for n in range(11)], [960, 4, 4, 4, 4, 4, 5, 5, 5, 5], 0.0, 1000)
    assert sum(profile.shares.values()) == pytest.approx(1)
    assert min(share for name, share in profile.shares.items() if name != "(missing)") >= 0.03


def test_deciles_of_answers_are_told_apart():
    profile = of_values("y", drawn(0, 10, 300))
    assert compare(profile, drawn(0, 10, 400, 2)).excess < 0.1
    assert compare(profile, drawn(5, 15, 400, 2)).excess > 1
    assert of_values("y", [1.0] * 10) is None


def test_a_drift_ends_well_below_its_limit_and_not_at_it():
    assert is_drifting(0.21, 0.2, was=False)
    assert not is_drifting(0.19, 0.2, was=False)
    assert is_drifting(0.19, 0.2, was=True)
    assert not is_drifting(0.1, 0.2, was=True)


@pytest.fixture
def measured(world):
    world.data.columns = [FLAT, {"name": "species", "type": "category"}]
    world.data.rows = 1000
    world.data.save()

    def ask(low, high, rows=300):
        values = drawn(low, high, rows)
        for at in range(0, rows, 100):
            part = values[at : at + 100]
            keep_requests([kept(world, [{"mass": value} for value in part], ["a", "b"] * (len(part) // 2))])
        return measure_drift(world.endpoint)

    world.ask = ask
    return world


@pytest.mark.django_db
def test_traffic_like_the_training_data_alarms_nobody(measured):
    drift = measured.ask(0, 100)
    assert drift.drifting_since is None
    assert drift.rows == 300
    assert [one["name"] for one in drift.columns] == ["mass"]
    assert not Event.objects.filter(kind="endpoint.drift").exists()


@pytest.mark.django_db
def test_drift_is_told_once_by_mail_and_webhook_and_shown(measured):
    assert measured.ask(80, 180).drifting_since
    measure_drift(measured.endpoint)
    event = Event.objects.get(kind="endpoint.drift")
    assert event.data["column"] == "mass"
    mails = [one for one in OutboxMessage.objects.filter(topic="mail") if "Drift" in one.payload["subject"]]
    assert [mail.payload["to"] for mail in mails] == [["alice@example.com"]]
    page = measured.bob.get(reverse("learning:learning", args=["acme", measured.endpoint.pk])).content.decode()
    assert "Drift since" in page
    _, secret = key_for(measured.people.organisation, measured.people.bob)
    told = measured.bob.get("/api/v1/endpoints/penguins/drift", headers={"authorization": f"Bearer {secret}"}).json()
    assert told["worst"] == Drift.objects.get().worst


@pytest.mark.django_db
def test_the_limit_can_be_set_within_reason(measured):
    address = reverse("learning:limit", args=["acme", measured.endpoint.pk])
    measured.bob.post(address, {"limit": "5"})
    assert Drift.objects.get().limit == 5
    assert measured.bob.post(address, {"limit": "0"}).status_code == 200
    assert Drift.objects.get().limit == 5
    drift = measured.ask(80, 180)
    assert (drift.drifting_since is None) == (drift.worst <= 5)
