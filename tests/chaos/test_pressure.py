"""Too much work and loud neighbours: what is still answered, how soon the rest is refused. Judged by `make chaos` only.

These are figures in milliseconds, so they mean something only on a machine that does nothing else.
"""

import time
from pathlib import Path

import pytest

from tests.chaos.clients import BROKEN, TimedCrowd, Told, offer, percentile_ms
from tests.chaos.conftest import IS_LONG, Promises
from tests.chaos.data_plane import data_plane, linear_cost

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not IS_LONG, reason="timed: only under `make chaos`, on a quiet machine"),
]

FOR_S = 6.0
DEADLINE_MS = 1000.0
X = {"x": 1.0}


def in_time(told: list[Told]) -> list[Told]:
    return [one for one in told if one.status == 200 and one.took_ms <= DEADLINE_MS]


def test_at_five_times_its_capacity_a_server_keeps_its_goodput_and_sheds_at_once(tmp_path: Path, promises: Promises):
    with data_plane(tmp_path, linear_cost(), SERVE_MAX_QUEUED_MS="200") as plane:
        with TimedCrowd(plane.server.port, plane.key, "churn", 16, X) as crowd:
            time.sleep(FOR_S)
        peak = len(in_time(crowd.told)) / FOR_S
        promises.seen(16, "overload: peak answers per second", peak)
        for times in (1, 2, 5):
            told = offer(plane.server.port, plane.key, "churn", X, peak * times, FOR_S)
            goodput = len(in_time(told)) / FOR_S
            promises.seen(16, f"overload: goodput at {times} times the peak", goodput)
        shed = [one for one in told if one.status == 503]
        promises.exactly(16, "overload: requests without any answer", sum(one.status == BROKEN for one in told), 0)
        promises.at_least(16, "overload: goodput at 5 times the peak, as a share of the peak", goodput / peak, 0.9)
        promises.at_most(16, "overload: p99 in ms of the answers that shed", percentile_ms(shed, 0.99), 20)


def test_a_quiet_tenant_hardly_notices_one_that_floods(tmp_path: Path, promises: Promises):
    with data_plane(tmp_path, linear_cost(points=12_000), SERVE_MAX_QUEUED_MS="200") as plane:
        quiet_one = plane.control.organisation()
        quiet_key = plane.control.key(quiet_one)
        (package,) = plane.control.packages
        (endpoint,) = plane.control.endpoints.values()
        plane.control.endpoint(quiet_one, "churn", price=1, id="ep_quiet")
        plane.control.endpoints["ep_quiet"].deployments.append(endpoint.deployments[0])
        assert endpoint.deployments[0].model_sha256 == package
        plane.server.publish()
        with TimedCrowd(plane.server.port, quiet_key, "churn", 1, X, per_s=50) as solo:
            time.sleep(FOR_S)
        with TimedCrowd(plane.server.port, plane.key, "churn", 64, X) as alone:
            time.sleep(FOR_S)
        with (
            TimedCrowd(plane.server.port, plane.key, "churn", 64, X) as loud,
            TimedCrowd(plane.server.port, quiet_key, "churn", 1, X, per_s=50) as quiet,
        ):
            time.sleep(FOR_S)
        solo_ms, beside_ms = percentile_ms(solo.told, 0.99), percentile_ms(quiet.told, 0.99)
        promises.seen(15, "noisy neighbour: the quiet tenant's p99 in ms alone", solo_ms)
        promises.seen(15, "noisy neighbour: the quiet tenant's p99 in ms beside the flood", beside_ms)
        promises.exactly(15, "noisy neighbour: the quiet tenant's errors", len(quiet.told) - len(quiet.good()), 0)
        promises.at_least(
            15, "noisy neighbour: the loud one's rate, of its rate alone", len(loud.good()) / len(alone.good()), 0.9
        )
        promises.at_most(15, "noisy neighbour: the quiet tenant's p99, times its p99 alone", beside_ms / solo_ms, 2.0)
