"""RateLimit headers stand on every answer to a known key, and whoever obeys Retry-After is let through."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.serving import RatePolicy
from tests.workers.serve.conftest import OwnRedis, Shop
from workers.serve import limits, turns
from workers.serve.limits import SCRIPT, Bucket, Limits, Verdict, _command, _read
from workers.serve.turns import Turns


@pytest.fixture(scope="module")
def counted(shop: Shop) -> str:
    key = shop.control.key(shop.organisation, policies=[RatePolicy("hour", 50, 3600)])
    shop.server.publish()
    return key


def rates(answer: Any) -> tuple[str, int]:
    return answer.headers["RateLimit-Policy"], int(answer.headers["RateLimit"].split("r=")[1].split(";")[0])


def test_refusals_and_free_answers_tell_what_is_left_and_take_nothing(shop: Shop, counted: str):
    bearer = {"Authorization": f"Bearer {counted}"}
    policy = '"hour";q=50;w=3600'
    assert rates(shop.server.predict(counted, "churn", {"age": 1})) == (policy, 49)
    free = [
        shop.server.predict(counted, "churn", {"age": "x"}),
        shop.server.predict(counted, "churn"),
        shop.server.post(counted, "churn", b"x", "text/csv"),
        shop.server.predict(counted, "churn", *[{"age": 1}] * 51),
        shop.server.http.get("/v2/models/churn", headers=bearer),
        shop.server.http.get("/v2/models/churn/versions/none/ready", headers=bearer),
        shop.server.http.post("/v2/models/churn/infer", headers=bearer, content=b"{"),
        shop.server.http.get("/v1/results/churn/" + "a" * 24, headers=bearer),
        shop.server.predict(counted, "nothing", {"age": 1}),
    ]
    assert [answer.status_code for answer in free] == [422, 422, 415, 413, 200, 404, 400, 404, 404]
    assert [rates(answer) for answer in free] == [(policy, 48)] * 9  # wrong values are found after admission
    first = shop.server.predict(counted, "churn", {"age": 1}, Idempotency_Key="rates-1")
    again = shop.server.predict(counted, "churn", {"age": 1}, Idempotency_Key="rates-1")
    assert rates(first) == rates(again)
    stranger = shop.server.predict("my_live_wrong", "churn", {"age": 1})
    assert "RateLimit-Policy" not in stranger.headers


policies = st.builds(
    lambda quota, window_s, burst: RatePolicy("p", quota, window_s, burst),
    st.integers(1, 60),
    st.integers(1, 3600),
    st.integers(0, 80),
)


def buckets_of(chosen: list[RatePolicy], name: str = "") -> tuple[Bucket, ...]:
    return tuple(Bucket.of(policy, "org", "key", f"{name}{place}") for place, policy in enumerate(chosen))


@settings(max_examples=80, deadline=None)
@given(
    chosen=st.lists(policies, min_size=1, max_size=3),
    cost=st.integers(1, 8),
    gaps_s=st.lists(st.floats(0, 5), min_size=1, max_size=25),
    nodes=st.integers(1, 3),
)
def test_a_client_that_obeys_retry_after_never_meets_a_second_429(
    chosen: list[RatePolicy], cost: int, gaps_s: list[float], nodes: int
):
    now = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "time", clock)
        patch.setattr(turns, "monotonic", clock.monotonic)
        shared, turn = Limits(None), Turns()
        shared.nodes = nodes
        buckets = buckets_of(chosen)
        cost = min(cost, *(bucket.burst for bucket in buckets))
        for gap_s in gaps_s:
            now[0] += gap_s
            (verdict,) = shared.check_locally([(buckets, cost, 1)])
            if verdict.passing:
                continue
            wait_s = turn.wait_s(buckets, verdict, cost, nodes)
            assert wait_s * 1_000_000 >= verdict.retry_us
            now[0] += wait_s
            (verdict,) = shared.check_locally([(buckets, cost, 1)])
            assert verdict.passing == 1


@settings(max_examples=60, deadline=None)
@given(quota=st.integers(1, 60), window_s=st.integers(1, 600), burst=st.integers(1, 20), crowd=st.integers(2, 20))
def test_a_crowd_that_is_refused_together_comes_back_one_by_one(quota: int, window_s: int, burst: int, crowd: int):
    now = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "time", clock)
        patch.setattr(turns, "monotonic", clock.monotonic)
        shared, turn = Limits(None), Turns()
        buckets = buckets_of([RatePolicy("p", quota, window_s, burst)])
        (verdict,) = shared.check_locally([(buckets, 1, burst + crowd)])
        told_s = [turn.wait_s(buckets, verdict, 1, 1) for _ in range(burst + crowd - verdict.passing)]
        assert max(told_s) <= max(window_s, verdict.retry_us / 1e6 + 1)
        back_s = sorted(now[0] + wait_s for wait_s in told_s if wait_s < window_s)
        for moment_s in back_s:
            now[0] = max(now[0], moment_s)
            assert shared.check_locally([(buckets, 1, 1)])[0].passing == 1


@settings(max_examples=8, deadline=None)
@given(
    chosen=st.lists(
        st.builds(lambda quota, burst: RatePolicy("p", quota, 1, burst), st.integers(100, 900), st.integers(1, 6)),
        min_size=1,
        max_size=3,
    ),
)
def test_waiting_as_long_as_redis_says_is_enough(own_redis: OwnRedis, chosen: list[RatePolicy]):
    with redis.Redis.from_url(own_redis.url) as client:
        client.script_load(SCRIPT)
        buckets = buckets_of(chosen, f"wait{time.monotonic_ns()}-")

        def check() -> Verdict:
            reply = client.execute_command(*_command([(buckets, 1, 1)]))
            return _read(reply, [(buckets, 1, 1)])[0]

        assert check().passing == 1
        for _ in range(8):
            verdict = check()
            if not verdict.passing:
                time.sleep(verdict.retry_us / 1_000_000)
                assert check().passing == 1
