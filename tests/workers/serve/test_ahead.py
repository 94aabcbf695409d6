"""Permissions taken ahead save calls to Redis and never let more through than limit and burst."""

import time

import pytest
import redis

from contracts.serving import RatePolicy
from tests.workers.serve.conftest import OwnRedis
from workers.serve.ahead import SCRIPT as RESERVE
from workers.serve.ahead import SPAN_S, Ahead
from workers.serve.limits import SCRIPT, Bucket


class Link:
    """The data plane's link to Redis, answering at once."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._client.script_load(RESERVE)
        self.asked = 0

    def ask(self, command, reply) -> bool:
        self.asked += 1
        reply(self._client.execute_command(*command))
        return True


@pytest.fixture
def client(own_redis: OwnRedis):
    with redis.Redis(port=own_redis.port) as client:
        client.flushdb()
        yield client


def buckets(*policies: tuple[int, int]) -> tuple[Bucket, ...]:
    return tuple(
        Bucket.of(RatePolicy(f"p{number}", quota, window_s), "org_1", "key", "key_1")
        for number, (quota, window_s) in enumerate(policies)
    )


def exactly(client: redis.Redis, own: tuple[Bucket, ...]) -> int:
    limits = [number for bucket in own for number in (bucket.emission_us, bucket.burst)]
    keys = [bucket.key for bucket in own]
    reply = client.register_script(SCRIPT)(keys=keys, args=[*limits, 1, 1, len(own), *range(1, len(own) + 1)])
    return int(reply[0])


def test_two_servers_together_never_pass_more_than_limit_and_burst(client):
    own = (*buckets((100_000, 60)), Bucket.of(RatePolicy("tight", 1000, 1, 2000), "org_1", "key", "key_1"))
    servers, link = [Ahead(own) for _ in range(2)], Link(client)
    asked = ahead = passed = 0
    started = time.monotonic()
    while time.monotonic() - started < 2.0:
        for server in servers:
            took = server.take(1, link, len(servers)) is not None
            ahead += took
            asked += 1
            passed += 1 if took else exactly(client, own)
    most = 2000 + 1000 * (time.monotonic() - started)
    assert passed <= most + 1
    assert passed >= 0.9 * min(asked, most)
    assert ahead > 100


def test_near_the_limit_every_request_is_decided_by_redis(client):
    own = buckets((1000, 3600))
    link = Link(client)
    for _ in range(600):
        assert exactly(client, own)
    server = Ahead(own)
    for _ in range(50):
        assert server.take(1, link, 1) is None
        time.sleep(SPAN_S / 40)


def test_what_is_taken_ahead_is_missing_for_everybody_else(client):
    own = buckets((10_000, 3600))
    server, link = Ahead(own), Link(client)
    taken = 0
    while taken < 10:
        taken += server.take(5, link, 1) is not None
        time.sleep(0.001)
    passing = client.register_script(SCRIPT)(
        keys=[own[0].key], args=[own[0].emission_us, own[0].burst, 1, 20_000, 1, 1]
    )[0]
    assert passing + 5 * taken <= 10_000


def test_permissions_die_soon(client):
    own = buckets((1_000_000, 60))
    server, link = Ahead(own), Link(client)
    while server.take(4, link, 1) is None:
        time.sleep(0.002)
    asked = link.asked
    time.sleep(SPAN_S * 1.2)
    server.take(4, link, 1)
    assert link.asked > asked
