"""A version that breaks a rule of its endpoint is taken out once, told of, and never put back by the guard."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import AuditEntry
from apps.endpoints.guard import Evidence, broken_rule, newcomers, parse_guard
from apps.endpoints.models import GuardRollback, Traffic
from apps.endpoints.rollout import without_version
from apps.endpoints.services.change_endpoint import change_endpoint
from apps.endpoints.services.create_endpoint import create_endpoint
from apps.endpoints.services.guard_rollouts import guard_endpoint, guard_rollouts
from apps.endpoints.services.publish_config import build_config
from apps.endpoints.services.rollback_endpoint import rollback_endpoint
from apps.outbox.models import OutboxMessage
from contracts.histograms import bucket_of
from contracts.problems import Problem
from tests.people import give_credit, key_for, make_people
from tests.things import a_model_version

RULES = {"error_rate": 0.05, "p95_ms": 200.0, "disagreement": 0.1, "window_s": 300, "least": 50}


def test_rules_that_make_no_sense_are_refused_by_name():
    _, errors = parse_guard({"error_rate": 2, "p95_ms": "slow", "least": 1, "colour": 3})
    assert {error["location"] for error in errors} == {"guard.error_rate", "guard.p95_ms", "guard.colour"}
    assert parse_guard({"error_rate": 0.1, "least": 3})[1][0]["location"] == "guard.least"
    assert parse_guard({"window_s": 300}) == ({}, [])
    assert parse_guard({"p95_ms": 50})[0] == {"p95_ms": 50.0, "window_s": 300, "least": 100}


@pytest.mark.parametrize(
    ("evidence", "rule"),
    [
        (Evidence(ok=100), None),
        (Evidence(ok=94, faults=6), "error_rate"),
        (Evidence(ok=20, faults=20), None),  # too few to judge
        (Evidence(ok=100, p95_ms=201), "p95_ms"),
        (Evidence(compared=50, disagreed=6), "disagreement"),
        (Evidence(compared=49, disagreed=49), None),
        (Evidence(ok=95, faults=5), None),  # at the limit is not beyond it
    ],
)
def test_a_rule_is_broken_only_beyond_its_limit_and_with_enough_requests(evidence, rule):
    found = broken_rule(RULES, evidence)
    assert (found.rule if found else None) == rule


def test_newcomers_are_those_whose_share_grew():
    assert newcomers({"v1": 90, "v2": 10}, {"v1": 100}) == {"v2"}
    assert newcomers({"v2": 100}, {"v1": 90, "v2": 10}) == {"v2"}
    assert newcomers({"v1": 100}, {}) == set()


def test_taking_a_version_out_brings_back_the_last_set_without_it():
    def row(version, weight, shadow=False):
        return {"model_version": version, "weight": weight, "shadow": shadow}

    out = row("v2", 0)
    earlier = [[row("v1", 90), row("v2", 10)], [row("v1", 70), row("v0", 30)]]
    assert without_version("v2", present=[row("v2", 100)], earlier=earlier) == [row("v1", 70), row("v0", 30), out]
    alone = without_version("v2", present=[row("v1", 30), row("v2", 70)], earlier=[])
    assert alone == [row("v1", 100), out]
    assert without_version("v2", present=[row("v2", 100)], earlier=[]) == []
    shadowed = [row("v1", 100), row("v2", 20, True)]
    assert without_version("v2", present=shadowed, earlier=earlier) == [row("v1", 100)]


@pytest.fixture
def people():
    made = make_people()
    give_credit(made.organisation)
    return made


@pytest.fixture
def versions(people):
    first = a_model_version(people.organisation)
    return first, a_model_version(people.organisation, model=first.model)


@pytest.fixture
def endpoint(people, versions):
    made = create_endpoint(people.organisation, name="penguins", model_version=versions[0], created_by=people.bob)
    return change_endpoint(made, guard=RULES, by=people.bob)


def canary(endpoint, versions, by, weight=10):
    shares = [(versions[0], 100 - weight), (versions[1], weight)]
    wanted = [{"model_version": version.pk, "weight": part} for version, part in shares if part]
    change_endpoint(endpoint, deployments=wanted, force=True, by=by)
    return endpoint.deployments.get(retired_at=None, model_version=versions[1])


def weights(endpoint):
    rows = endpoint.deployments.filter(retired_at=None)
    return {row.model_version_id: row.weight for row in rows if not row.shadow}


def counted(endpoint, deployment, *, age=timedelta(0), **fields):
    at = (timezone.now() - age).replace(second=0, microsecond=0)
    Traffic.objects.create(endpoint=endpoint, deployment=deployment.pk, step_s=60, at=at, **fields)


@pytest.mark.django_db
def test_a_failing_canary_is_taken_out_once_with_audit_mail_and_new_configuration(people, versions, endpoint):
    bad = canary(endpoint, versions, people.bob)
    counted(endpoint, bad, statuses={"2": 90, "5": 10}, errors={"ours:internal": 10})
    assert guard_rollouts() == 1
    assert weights(endpoint) == {versions[0].pk: 100, versions[1].pk: 0}
    row = GuardRollback.objects.get()
    assert (row.model_version_id, row.rule, row.requests) == (versions[1].pk, "error_rate", 100)
    assert AuditEntry.objects.filter(action="endpoint.guard_rollback", subject=endpoint.pk).count() == 1
    mail = OutboxMessage.objects.get(topic="mail", dedupe_key__startswith="guard:")
    assert people.alice.email in mail.payload["to"]
    assert people.bob.email not in mail.payload["to"]
    assert "10.0 % of its requests failed; the limit is 5.0 %" in mail.payload["text"]
    published = next(one for one in build_config(1).endpoints if one.id == endpoint.pk)
    assert {one.model_version: one.weight for one in published.deployments} == weights(endpoint)
    counted(endpoint, endpoint.deployments.get(retired_at=None, weight=100), statuses={"2": 1, "5": 99})
    assert guard_rollouts() == 0, "what a rollback brought is not judged again"
    assert GuardRollback.objects.count() == 1


@pytest.mark.django_db
def test_a_slow_version_with_all_of_the_traffic_gives_way_to_the_one_before(people, versions, endpoint):
    slow = canary(endpoint, versions, people.bob, weight=100)
    counted(endpoint, slow, statuses={"2": 100}, latency_us={str(bucket_of(900_000)): 100})
    assert guard_endpoint(endpoint).rule == "p95_ms"
    assert weights(endpoint) == {versions[0].pk: 100, versions[1].pk: 0}


@pytest.mark.django_db
def test_a_shadow_that_disagrees_stops_getting_copies_and_traffic_stays(people, versions, endpoint):
    wanted = [
        {"model_version": versions[0].pk, "weight": 100},
        {"model_version": versions[1].pk, "weight": 20, "shadow": True},
    ]
    change_endpoint(endpoint, deployments=wanted, by=people.bob)
    shadow = endpoint.deployments.get(retired_at=None, shadow=True)
    counted(endpoint, shadow, shadow_compared=100, shadow_disagreed=30)
    assert guard_endpoint(endpoint).rule == "disagreement"
    assert weights(endpoint) == {versions[0].pk: 100}
    assert not endpoint.deployments.filter(retired_at=None, shadow=True).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"statuses": {"2": 100, "4": 900}, "errors": {"yours:row-invalid": 900}},
        {"statuses": {"2": 100, "5": 900}, "errors": {"ours:starting": 800, "ours:overloaded": 100}},
        {"statuses": {"2": 10, "5": 10}, "errors": {"ours:internal": 10}},
        {"statuses": {"5": 100}, "errors": {"ours:internal": 100}, "age": timedelta(minutes=10)},
    ],
    ids=["callers' mistakes", "the servers' troubles", "too few", "too long ago"],
)
def test_a_canary_stays_where_it_is_not_to_blame(people, versions, endpoint, fields):
    counted(endpoint, canary(endpoint, versions, people.bob), **fields)
    assert guard_rollouts() == 0
    assert weights(endpoint) == {versions[0].pk: 90, versions[1].pk: 10}


@pytest.mark.django_db
def test_a_first_version_without_a_before_is_left_alone(endpoint):
    counted(endpoint, endpoint.deployments.get(), statuses={"5": 100}, errors={"ours:internal": 100})
    assert guard_rollouts() == 0


@pytest.mark.django_db
def test_a_person_may_try_again_and_the_guard_judges_again(people, versions, endpoint):
    counted(endpoint, canary(endpoint, versions, people.bob), statuses={"5": 100}, errors={"ours:internal": 100})
    assert guard_rollouts() == 1
    again = canary(endpoint, versions, people.bob)
    assert guard_rollouts() == 0, "the new attempt starts without the old counts"
    counted(endpoint, again, statuses={"5": 100}, errors={"ours:internal": 100})
    assert guard_rollouts() == 1
    assert rollback_endpoint(endpoint, by=people.bob)


@pytest.mark.django_db
def test_sticky_and_guard_are_set_and_refused_through_the_api(people, endpoint):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key_for(people.organisation, people.bob, ('read', 'write'))[1]}")
    address = f"/api/v1/endpoints/{endpoint.pk}"
    good = client.patch(address, {"sticky": "X-User", "guard": {"p95_ms": 30}}, format="json")
    assert (good.json()["sticky"], good.json()["guard"]["p95_ms"]) == ("x-user", 30.0)
    assert next(one for one in build_config(1).endpoints if one.id == endpoint.pk).sticky == "x-user"
    for wrong in ({"sticky": "Content-Length"}, {"sticky": "a b"}, {"guard": {"error_rate": 7}}):
        assert client.patch(address, wrong, format="json").status_code == 422
    assert client.patch(address, {"guard": {}, "sticky": ""}, format="json").json()["guard"] == {}
    with pytest.raises(Problem):
        change_endpoint(endpoint, deployments=[{"model_version": "ver_x", "shadow": True, "weight": 0}])
