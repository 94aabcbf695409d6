"""Models change and the process ends without one failed request."""

import dataclasses
import threading
import time
from pathlib import Path

from tests.workers.serve import models
from tests.workers.serve.clients import Crowd
from tests.workers.serve.conftest import OwnRedis
from tests.workers.serve.serving import serving, wait_for
from tests.workers.serve.small_control import SmallControl


def test_ten_hot_swaps_fail_no_request_and_the_version_header_is_right(
    control: SmallControl, own_redis: OwnRedis, tmp_path: Path
):
    organisation = control.organisation()
    key = control.key(organisation)
    packages = [models.classifier(bias=float(step)) for step in range(2)]
    endpoint = control.endpoint(organisation, "churn", packages[0])
    control.publish()
    with serving(control, tmp_path / "data", own_redis.url) as server:
        server.wait_ready()
        with Crowd(server.port, key, "churn", 8, lambda: {"age": 1}) as crowd:
            for step in range(1, 11):
                deployment = control.deployment(packages[step % 2], f"ver_{step}")
                control.endpoints[endpoint.id] = dataclasses.replace(endpoint, deployments=[deployment])
                server.hint(control.publish())
                wait_for(lambda: control.state(endpoint.id) == f"{control.revision}:ready")
                answer = server.predict(key, "churn", {"age": 1})
                assert answer.headers["Model-Version"] == f"ver_{step}", "the old version after the new one is ready"
                if step % 5 == 0:
                    time.sleep(0.1)
        assert set(crowd.statuses()) == {200}
        assert not crowd.broken
        assert len({version for _, _, version in crowd.answers}) >= 8


def test_a_broken_package_leaves_the_old_model_answering(control: SmallControl, own_redis: OwnRedis, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    endpoint = control.endpoint(organisation, "churn", models.classifier())
    control.publish()
    with serving(control, tmp_path / "data", own_redis.url) as server:
        server.wait_ready()
        version = server.predict(key, "churn", {"age": 1}).headers["Model-Version"]
        deployment = control.deployment(models.regressor(), "ver_bad")
        control.packages[deployment.model_sha256]["model.onnx"] += b"tampered"
        control.endpoints[endpoint.id] = dataclasses.replace(endpoint, deployments=[deployment])
        server.hint(control.publish())
        wait_for(lambda: control.state(endpoint.id) == f"{control.revision}:failed")
        assert server.predict(key, "churn", {"age": 1}).headers["Model-Version"] == version
        assert "sha256" in control.statuses[-1]["endpoints"][0]["error"]


def test_weights_share_the_traffic(control: SmallControl, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    endpoint = control.endpoint(organisation, "churn", models.classifier(), models.classifier(bias=1.0))
    first, second = endpoint.deployments
    shadow = dataclasses.replace(control.deployment(models.classifier(bias=2.0), "ver_shadow"), shadow=True)
    shares = [dataclasses.replace(first, weight=90), dataclasses.replace(second, weight=10), shadow]
    control.endpoints[endpoint.id] = dataclasses.replace(endpoint, deployments=shares)
    control.publish()
    with serving(control, tmp_path / "data") as server:
        server.wait_ready()
        with Crowd(server.port, key, "churn", 16, lambda: {"age": 1}) as crowd:
            wait_for(lambda: len(crowd.answers) > 400)
    versions = [version for _, _, version in crowd.answers]
    assert set(versions) == {first.model_version, second.model_version}
    assert 0.03 < versions.count(second.model_version) / len(versions) < 0.2


def test_sigterm_drains_ships_and_closes_every_lease(control: SmallControl, tmp_path: Path):
    organisation = control.organisation(balance=10**8)
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier(), price=100)
    control.publish()
    with serving(control, tmp_path / "data", SERVE_DRAIN_MS="1000") as server:
        server.wait_ready()
        with Crowd(server.port, key, "churn", 8, lambda: {"age": 1}) as crowd:
            time.sleep(0.4)
            server.process.terminate()
            time.sleep(0.4)
            assert server.http.get("/v2/health/ready").status_code == 503
            draining = server.predict(key, "churn", {"age": 1})
            assert draining.status_code == 200
            assert draining.headers["Connection"] == "close"
            threading.Event().wait(0.2)
            crowd._stop.set()
        assert set(crowd.statuses()) == {200}
        assert not crowd.broken
        assert server.stop() == 0
    assert set(crowd.good_ids()) | {draining.headers["Usage-Id"]} == set(control.usage)
    assert control.open_leases() == []
    assert control.wallets[organisation.wallet] == 10**8 - 100 * len(control.usage)
