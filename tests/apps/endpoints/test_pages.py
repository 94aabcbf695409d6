"""The analytics, the banner of an automatic rollback and the rules of rollouts, as people see and set them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.endpoints.models import Traffic
from apps.endpoints.services.change_endpoint import change_endpoint
from apps.endpoints.services.create_endpoint import create_endpoint
from apps.endpoints.services.guard_rollouts import guard_rollouts
from contracts.histograms import bucket_of
from tests.people import give_credit, make_people
from tests.things import a_model_version

pytestmark = pytest.mark.django_db


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
    return create_endpoint(people.organisation, name="penguins", model_version=versions[0], created_by=people.bob)


@pytest.fixture
def bob(people):
    client = Client()
    client.force_login(people.bob)
    return client


def page(name, people, endpoint):
    return reverse(f"endpoints:{name}", args=[people.organisation.slug, endpoint.pk])


def test_the_analytics_page_draws_what_servers_counted(people, endpoint, bob):
    empty = bob.get(page("e-analytics", people, endpoint)).content.decode()
    assert "No requests in this time" in empty
    for age in range(5):
        Traffic.objects.create(
            endpoint=endpoint,
            deployment=endpoint.deployments.get().pk,
            step_s=60,
            at=(timezone.now() - timedelta(minutes=age)).replace(second=0, microsecond=0),
            statuses={"2": 90, "4": 6, "429": 2, "5": 4},
            errors={"ours:internal": 4, "yours:rate-limited": 2},
            latency_us={str(bucket_of(8000)): 90},
            queue_us={str(bucket_of(900)): 90},
            batch_rows={"3": 30},
            units=90,
        )
    html = bob.get(page("e-analytics", people, endpoint)).content.decode()
    assert "500" in html
    assert html.count('<svg class="chart"') >= 4
    assert ": 90 answered</title>" in html
    assert "95 % within 8." in html
    assert "ours:internal" in html
    for period in ("6h", "24h", "7d", "30d", "90d", "nonsense"):
        assert bob.get(page("e-analytics", people, endpoint), {"period": period}).status_code == 200


def test_a_shadow_is_let_in_and_rules_are_set_on_the_pages(people, versions, endpoint, bob):
    bob.post(page("e-deploy", people, endpoint), {"model_version": versions[1].pk, "share": "shadow-10", "force": "on"})
    shadow = endpoint.deployments.get(retired_at=None, shadow=True)
    assert (shadow.model_version, shadow.weight) == (versions[1], 10)
    rules = {
        "error_rate": "5",
        "disagreement": "",
        "p95_ms": "200",
        "window_s": "300",
        "least": "50",
        "sticky": "X-User",
    }
    assert bob.post(page("e-guard", people, endpoint), rules).status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.guard == {"error_rate": 0.05, "p95_ms": 200.0, "window_s": 300, "least": 50}
    assert endpoint.sticky == "x-user"
    wrong = bob.post(page("e-guard", people, endpoint), rules | {"error_rate": "500", "sticky": "Host"})
    assert wrong.status_code == 200
    endpoint.refresh_from_db()
    assert endpoint.sticky == "x-user"
    assert 'value="5' in bob.get(page("e-settings", people, endpoint)).content.decode()


def test_a_rollback_by_the_guard_is_told_on_the_page_until_something_else_is_deployed(people, versions, endpoint, bob):
    change_endpoint(endpoint, guard={"error_rate": 0.05, "least": 50}, by=people.bob)
    wanted = [{"model_version": versions[0].pk, "weight": 90}, {"model_version": versions[1].pk, "weight": 10}]
    change_endpoint(endpoint, deployments=wanted, force=True, by=people.bob)
    bad = endpoint.deployments.get(retired_at=None, weight=10)
    now = timezone.now().replace(second=0, microsecond=0)
    failed = {"statuses": {"5": 100}, "errors": {"ours:internal": 100}}
    Traffic.objects.create(endpoint=endpoint, deployment=bad.pk, step_s=60, at=now, **failed)
    assert guard_rollouts() == 1
    told = "was taken out"
    assert told in bob.get(page("page", people, endpoint)).content.decode()
    change_endpoint(endpoint, deployments=[{"model_version": versions[0].pk}], by=people.bob)
    assert told not in bob.get(page("page", people, endpoint)).content.decode()
