"""Counts of servers become the analytics of an endpoint: added once, summed up, right within a few per cent."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from apps.compute.services.register_node import register_node
from apps.endpoints.models import Traffic
from apps.endpoints.services.add_traffic import add_traffic
from apps.endpoints.services.create_endpoint import create_endpoint
from apps.endpoints.services.forget_traffic import forget_traffic
from contracts.analytics import AnalyticsPost, DeploymentCounts
from contracts.histograms import BUCKETS, bounds, bucket_of, quantile, share_within
from contracts.wire import to_wire
from tests.people import give_credit, key_for, make_people
from tests.things import a_model_version


@pytest.fixture
def people():
    made = make_people()
    give_credit(made.organisation)
    return made


@pytest.fixture
def endpoint(people):
    return create_endpoint(
        people.organisation, name="penguins", model_version=a_model_version(people.organisation), created_by=people.bob
    )


@pytest.fixture
def server():
    return register_node("s1", kind="serve", lifetime_s=3600)[0]


def counts(endpoint, *, deployment=None, minute=None, **fields) -> DeploymentCounts:
    named = endpoint.deployments.get(retired_at=None).pk if deployment is None else deployment
    at = int(timezone.now().timestamp() // 60) if minute is None else minute
    return DeploymentCounts(endpoint.pk, named, at, **fields)


def ask(people, endpoint, **query):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key_for(people.organisation, people.bob, ('read',))[1]}")
    return client.get(f"/api/v1/endpoints/{endpoint.pk}/analytics", query)


@given(st.integers(0, 2**26))
def test_every_value_lies_in_its_bucket_and_buckets_are_narrow(value):
    low, high = bounds(bucket_of(value))
    assert low <= value < high
    assert high - low <= max(1, low / 16)


def test_values_beyond_the_last_bucket_are_counted_in_it():
    assert bucket_of(2**40) == BUCKETS - 1


def test_quantiles_of_a_skewed_sample_are_right_within_three_per_cent():
    draw = random.Random(7)
    values = sorted(int(draw.lognormvariate(8, 1)) for _ in range(20_000))
    buckets: dict[int, int] = {}
    for value in values:
        buckets[bucket_of(value)] = buckets.get(bucket_of(value), 0) + 1
    for share in (0.5, 0.95, 0.99):
        assert quantile(buckets, share) == pytest.approx(values[int(share * len(values))], rel=0.035)
    assert share_within(buckets, 5000) == pytest.approx(sum(v <= 5000 for v in values) / len(values), abs=0.01)


@pytest.mark.django_db
def test_a_repeated_message_adds_nothing_and_another_server_adds_its_own(endpoint, server):
    post = AnalyticsPost("boot-1", 1, [counts(endpoint, statuses={"2": 10}, units=30, latency_us={"40": 10})])
    assert add_traffic(server, post)
    assert not add_traffic(server, post)
    assert add_traffic(register_node("s2", kind="serve", lifetime_s=3600)[0], post)
    assert add_traffic(server, AnalyticsPost("boot-2", 1, post.counts))
    minute, hour = Traffic.objects.order_by("step_s")
    assert (minute.statuses, minute.units, minute.latency_us) == ({"2": 30}, 90, {"40": 30})
    assert (hour.statuses, hour.units) == ({"2": 30}, 90)
    assert minute.at.minute == timezone.now().minute or timezone.now() - minute.at < timedelta(minutes=2)


@pytest.mark.django_db
def test_counts_of_foreign_deployments_and_impossible_times_are_left_out(people, endpoint, server):
    other = create_endpoint(
        people.organisation, name="other", model_version=a_model_version(people.organisation), created_by=people.bob
    )
    now = int(timezone.now().timestamp() // 60)
    lies = [
        counts(endpoint, deployment=other.deployments.get().pk, statuses={"2": 1}),
        counts(endpoint, deployment="dep_unknown", statuses={"2": 1}),
        DeploymentCounts("ep_unknown", "", now, statuses={"2": 1}),
        counts(endpoint, minute=now + 60, statuses={"2": 1}),
        counts(endpoint, minute=now - 4000, statuses={"2": 1}),
        counts(endpoint, statuses={"2": -5}, latency_us={"40": -1, "x": 3, "99999": 2}),
    ]
    add_traffic(server, AnalyticsPost("boot-1", 1, lies))
    assert [(row.statuses, row.latency_us) for row in Traffic.objects.filter(step_s=60)] == [({"2": 0}, {"40": 0})]


@pytest.mark.django_db
def test_the_api_tells_statuses_quantiles_queue_batch_slo_and_shadow(people, endpoint, server):
    """90 answers of 8 ms and 10 of 400 ms: within the 100 ms of the objective are 90 %, twice the allowed lateness."""
    fast, slow = str(bucket_of(8000)), str(bucket_of(400_000))
    given_counts = counts(
        endpoint,
        statuses={"2": 100, "4": 7, "5": 0, "429": 5},
        errors={"yours:rate-limited": 5, "yours:row-invalid": 2},
        latency_us={fast: 90, slow: 10},
        queue_us={str(bucket_of(1000)): 100},
        batch_rows={"4": 25},
        units=100,
    )
    add_traffic(server, AnalyticsPost("b", 1, [given_counts, counts(endpoint, deployment="", statuses={"4": 3})]))
    body = ask(people, endpoint).json()
    assert body["total"]["statuses"] == {"2xx": 100, "4xx": 5, "429": 5, "5xx": 0}
    assert body["total"]["latency_ms"]["p50"] == pytest.approx(8, rel=0.04)
    assert body["total"]["latency_ms"]["p95"] == pytest.approx(400, rel=0.04)
    assert body["total"]["queue_ms"]["p50"] == pytest.approx(1, rel=0.04)
    assert body["total"]["batch_rows"] == pytest.approx(4)
    assert body["slo"]["within"] == pytest.approx(0.9, abs=0.01)
    assert body["slo"]["error_budget_left"] == pytest.approx(-1, abs=0.2)
    assert sum(point["requests"] for point in body["data"]) == 110
    assert {row["deployment"] for row in body["deployments"]} == {endpoint.deployments.get().pk, None}


@pytest.mark.django_db
def test_hours_answer_for_long_times_and_steps_that_cannot_be_are_refused(people, endpoint, server):
    add_traffic(server, AnalyticsPost("b", 1, [counts(endpoint, statuses={"2": 4})]))
    long = {"from": (datetime.now(UTC) - timedelta(days=30)).isoformat(), "to": datetime.now(UTC).isoformat()}
    told = ask(people, endpoint, **long).json()
    assert told["step_s"] >= 3600
    assert told["total"]["requests"] == 4
    for wrong in ({"step": "7m"}, {"step": "1m", **long}, {"from": "yesterday"}, {"from": "2030-01-01T00:00:00Z"}):
        assert (ask(people, endpoint, **wrong).status_code, ask(people, endpoint, **wrong).json()["code"]) == (
            422,
            "yours:invalid",
        )


@pytest.mark.django_db
def test_minutes_go_after_two_days_and_hours_after_ninety(endpoint, server):
    for age in (timedelta(days=1), timedelta(days=3), timedelta(days=91)):
        for step_s in (60, 3600):
            Traffic.objects.create(endpoint=endpoint, step_s=step_s, at=timezone.now() - age)
    forget_traffic()
    left = sorted((row.step_s, (timezone.now() - row.at).days) for row in Traffic.objects.all())
    assert left == [(60, 1), (3600, 1), (3600, 3)]


@pytest.mark.django_db
def test_a_server_posts_counts_with_its_status(endpoint):
    client = APIClient()
    token = register_node("s1", kind="serve", lifetime_s=3600)[1]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    post = AnalyticsPost("b", 1, [counts(endpoint, statuses={"2": 4})])
    body = {"boot": "b", "revision": 1, "endpoints": [], "analytics": to_wire(post)}
    for _ in range(2):
        assert client.post("/internal/v1/serving/status", body, format="json").status_code == 204
    assert Traffic.objects.get(step_s=60).statuses == {"2": 4}
    body["analytics"] = {"boot": "b"}
    assert client.post("/internal/v1/serving/status", body, format="json").json()["code"] == "yours:malformed"
