"""Too much at once is shed with 503, never with 429; what starts says so; what is late is not run."""

import time
from pathlib import Path

from tests.workers.serve import models
from tests.workers.serve.clients import Crowd
from tests.workers.serve.conftest import Shop
from tests.workers.serve.serving import serving, wait_for
from tests.workers.serve.small_control import SmallControl
from tests.workers.serve.test_refusals import refused


def test_a_heavy_model_runs_beside_the_loop_and_sheds_what_does_not_fit(control: SmallControl, tmp_path: Path):
    organisation, quiet = control.organisation(), control.organisation()
    key, quiet_key = control.key(organisation), control.key(quiet)
    package = models.heavy()
    control.endpoint(organisation, "heavy", package)
    control.endpoint(quiet, "heavy", package)
    control.endpoint(organisation, "light", models.classifier())
    control.publish()
    with serving(control, tmp_path / "data", SERVE_MAX_QUEUED_MS="4") as server:
        server.wait_ready()
        with Crowd(server.port, key, "heavy", 48, lambda: {"x": 3}) as crowd:
            wait_for(lambda: crowd.statuses()[503] > 20 and crowd.statuses()[200] > 20, 20, "shedding and serving")
            assert server.predict(key, "light", {"age": 1}).status_code == 200
            answers = [server.predict(quiet_key, "heavy", {"x": 3}) for _ in range(3)]
        assert set(crowd.statuses()) == {200, 503}
        for answer in answers:
            if answer.status_code == 503:
                refused(answer, 503, "ours:overloaded")
                assert int(answer.headers["Retry-After"]) >= 1
            else:
                assert answer.json()["predictions"][0]["value"] == 3.0
        wait_for(lambda: set(crowd.good_ids()) <= set(control.usage))
        paid = [one for one in control.usage.values() if one["organisation"] == organisation.id]
        assert len(paid) == len(crowd.good_ids()) + 1, "what was shed costs nothing"


def test_concurrency_of_an_organisation_is_a_limit_of_its_own(control: SmallControl, tmp_path: Path):
    organisation = control.organisation(max_concurrency=1)
    key = control.key(organisation)
    control.endpoint(organisation, "heavy", models.heavy())
    control.publish()
    with serving(control, tmp_path / "data") as server:
        server.wait_ready()
        with Crowd(server.port, key, "heavy", 8, lambda: {"x": 3}) as crowd:
            wait_for(lambda: crowd.statuses()[429] > 5 and crowd.statuses()[200] > 5)
        assert set(crowd.statuses()) == {200, 429}


def test_a_request_past_its_own_deadline_is_not_run(shop: Shop):
    before = len(shop.control.usage)
    refused(shop.server.predict(shop.key, "churn", {"age": 1}, X_Deadline_Ms="0"), 408, "yours:deadline")
    time.sleep(0.3)
    assert len(shop.control.usage) == before


def test_starting_and_unavailable_are_told_apart(control: SmallControl, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier())
    control.endpoint(organisation, "empty")
    control.packages.clear()
    control.away = True
    control.publish()
    with serving(control, tmp_path / "data", SERVE_SCALE_UP_MS="0") as server:
        wait_for(lambda: server.http.get("/v2/health/live").status_code == 200)
        assert server.http.get("/v2/health/ready").status_code == 503
        refused(server.predict(key, "churn", {"age": 1}), 503, "ours:starting")
        control.away = False
        wait_for(lambda: server.predict(key, "churn", {"age": 1}).json()["code"] == "ours:model-unavailable")
        refused(server.predict(key, "empty", {"age": 1}), 503, "ours:starting")
