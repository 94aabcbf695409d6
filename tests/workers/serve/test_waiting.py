"""Answers that come later: results of slow endpoints, and models that are still loading."""

import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from contracts.serving import RatePolicy
from tests.workers.serve import models
from tests.workers.serve.conftest import Shop
from tests.workers.serve.serving import serving, wait_for
from tests.workers.serve.small_control import SmallControl
from tests.workers.serve.test_refusals import refused


@pytest.fixture(scope="module")
def slow(shop: Shop) -> Shop:
    for name, package in (("nightly", models.heavy()), ("nightly-churn", models.classifier())):
        endpoint = shop.control.endpoint(shop.organisation, name, package)
        shop.control.endpoints[endpoint.id] = replace(endpoint, latency_class="batch")
    shop.server.publish()
    return shop


def later(shop: Shop, endpoint: str, *rows: dict[str, object], **headers: str) -> httpx.Response:
    return shop.server.predict(shop.key, endpoint, *rows, Prefer="respond-async", **headers)


def fetch(shop: Shop, address: str, key: str = "") -> httpx.Response:
    return shop.server.http.get(address, headers={"Authorization": f"Bearer {key or shop.key}"})


def test_a_slow_endpoint_answers_202_and_the_result_is_fetched_and_charged_once(slow: Shop):
    told = later(slow, "nightly", *[{"x": 3}] * 200)
    assert told.status_code == 202, told.text
    assert told.headers["Preference-Applied"] == "respond-async"
    address = told.headers["Location"]
    assert told.json() == {"state": "running", "result": address}
    seen = []

    def finished() -> httpx.Response | None:
        answer = fetch(slow, address)
        seen.append(answer.status_code)
        return answer if answer.status_code == 200 else None

    answer = wait_for(finished)
    assert set(seen) <= {200, 202}
    assert [one["value"] for one in answer.json()["predictions"]] == [3.0] * 200
    assert fetch(slow, address).content == answer.content
    record = wait_for(lambda: slow.control.usage.get(answer.headers["Usage-Id"]))
    assert record["units"] == 200


def test_what_is_wrong_is_told_at_once_and_leaves_no_result(slow: Shop):
    refused(later(slow, "nightly-churn", {"age": "x"}), 422, "yours:row-invalid")
    refused(later(slow, "nothing", {"age": 1}), 404, "yours:endpoint-unknown")
    limited = slow.control.key(slow.organisation, policies=[RatePolicy("slow", 1, 3600)])
    slow.server.publish()
    wishes = {"Prefer": "respond-async"}
    assert slow.server.predict(limited, "nightly-churn", {"age": 1}, **wishes).status_code == 202
    refused(slow.server.predict(limited, "nightly-churn", {"age": 1}, **wishes), 429, "yours:rate-limited")


def test_results_are_for_keys_of_the_endpoint_alone(slow: Shop):
    address = later(slow, "nightly-churn", {"age": 1}).headers["Location"]
    wait_for(lambda: fetch(slow, address).status_code == 200)
    narrow = slow.control.key(slow.organisation, endpoints=[slow.double.id])
    stranger = slow.control.key(slow.control.organisation())
    slow.server.publish()
    refused(fetch(slow, address, narrow), 403, "yours:not-allowed")
    refused(fetch(slow, address, stranger), 404, "yours:endpoint-unknown")
    refused(slow.server.http.get(address), 401, "yours:not-authenticated")
    refused(fetch(slow, address[:-1] + ("a" if address[-1] != "a" else "b")), 404, "yours:not-found")
    refused(fetch(slow, "/v1/results/nightly"), 404, "yours:not-found")
    posted = slow.server.http.post(address, headers={"Authorization": f"Bearer {slow.key}"})
    refused(posted, 405, "yours:method-not-allowed")


def test_a_repeat_gets_the_same_address(slow: Shop):
    addresses = {later(slow, "nightly-churn", {"age": 1}, Idempotency_Key="night-1").headers["Location"] for _ in "ab"}
    assert len(addresses) == 1


def test_the_preference_is_left_aside_where_answers_are_quick(slow: Shop):
    assert later(slow, "churn", {"age": 1}).status_code == 200


def test_a_request_waits_for_a_model_that_is_still_loading(control: SmallControl, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier())
    control.endpoint(organisation, "empty")
    package = dict(control.packages)
    control.packages.clear()
    control.publish()
    with serving(control, tmp_path / "data", SERVE_SCALE_UP_MS="100") as server:
        wait_for(lambda: server.http.get("/v2/health/ready").status_code == 200)
        refused(server.predict(key, "empty", {"age": 1}), 503, "ours:starting")
        control.packages.update(package)
        control.endpoint(organisation, "late", models.classifier(bias=3.0))
        control.publish()
        answer = wait_for(lambda: _known(server.predict(key, "late", {"age": -1}, X_Scale_Up_Timeout="30")))
        assert answer.status_code == 200, answer.text
        started_s = time.monotonic()
        cold = server.predict(key, "empty", {"age": 1}, X_Scale_Up_Timeout="0.5")
        refused(cold, 503, "ours:starting")
        assert cold.headers["Retry-After"] == "1"
        assert time.monotonic() - started_s >= 0.5


def _known(answer: httpx.Response) -> httpx.Response | None:
    """The configuration with the endpoint has arrived."""
    return None if answer.status_code == 404 else answer
