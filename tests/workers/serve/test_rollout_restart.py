"""Versions are swapped and processes replaced under keep-alive clients, and no request fails.

Short by default; `make chaos` sets CHAOS=long for 20 swaps and three rolling restarts under 32 clients.
"""

import dataclasses
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.workers.serve import models
from tests.workers.serve.clients import Crowd
from tests.workers.serve.conftest import OwnRedis
from tests.workers.serve.serving import Serving, serving, wait_for
from tests.workers.serve.small_control import SmallControl

IS_LONG = os.environ.get("CHAOS") == "long"
CLIENTS = 32 if IS_LONG else 8

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]


def children(server: Serving) -> set[int]:
    return {one.pid for one in psutil.Process(server.process.pid).children()}


def roll(server: Serving) -> None:
    """SIGHUP, and wait until every process is another one and listens."""
    told = server.log().count("every process is replaced")
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: server.log().count("every process is replaced") > told, 90)


def test_a_rolling_restart_fails_no_request_and_loses_no_usage(control: SmallControl, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier())
    control.publish()
    with serving(control, tmp_path / "data", SERVE_PROCESSES="2") as server:
        server.wait_ready()
        wait_for(lambda: server.log().count("serving on") == 2)
        before = children(server)
        with Crowd(server.port, key, "churn", CLIENTS, lambda: {"age": 1}) as crowd:
            for _ in range(3 if IS_LONG else 1):
                roll(server)
            reached = len(crowd.answers)
            wait_for(lambda: len(crowd.answers) > reached + 50)
        assert set(crowd.statuses()) == {200}
        assert not crowd.broken
        assert children(server).isdisjoint(before)
        assert len(children(server)) == 2
        assert server.stop() == 0
    assert set(crowd.good_ids()) == set(control.usage)
    assert control.open_leases() == []
    print(f"{len(crowd.answers)} answers, 0 failed")


@pytest.mark.skipif(not IS_LONG, reason="a shorter form is in test_swap.py; this one runs under `make chaos`")
def test_twenty_swaps_under_32_clients_fail_no_request(control: SmallControl, own_redis: OwnRedis, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    packages = [models.classifier(bias=float(step)) for step in range(2)]
    endpoint = control.endpoint(organisation, "churn", packages[0])
    control.publish()
    with serving(control, tmp_path / "data", own_redis.url) as server:
        server.wait_ready()
        with Crowd(server.port, key, "churn", CLIENTS, lambda: {"age": 1}) as crowd:
            for step in range(1, 21):
                deployment = control.deployment(packages[step % 2], f"ver_{step}")
                control.endpoints[endpoint.id] = dataclasses.replace(endpoint, deployments=[deployment])
                server.hint(control.publish())
                wait_for(lambda: control.state(endpoint.id) == f"{control.revision}:ready")
                answer = server.predict(key, "churn", {"age": 1})
                assert answer.headers["Model-Version"] == f"ver_{step}", "the old version after the new one is ready"
                time.sleep(0.2)
        assert set(crowd.statuses()) == {200}
        assert not crowd.broken
        assert len({version for _, _, version in crowd.answers}) >= 19
        print(f"{len(crowd.answers)} answers over 20 swaps, 0 failed")
