"""The rate script is exact across processes; without Redis the same arithmetic gives this node its share."""

import json
import subprocess
import sys

import pytest
import redis

from contracts.serving import RatePolicy
from tests.workers.serve.conftest import OwnRedis
from tests.workers.serve.serving import ROOT
from workers.serve.limits import SCRIPT, Bucket, Limits, Verdict

FLOOD = """
import sys, threading, time, redis
from workers.serve.limits import SCRIPT
port, key, emission, burst, seconds = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5])
passed = []
gate = redis.Redis(port=port)
gate.incr("here")
while int(gate.get("here")) < 4:
    time.sleep(0.01)
started = time.time()
until = started + seconds
def ask():
    client = redis.Redis(port=port)
    script = client.register_script(SCRIPT)
    while time.time() < until:
        if script(keys=[key], args=[emission, burst, 1, 1, 1, 1])[0]:
            passed.append(1)
threads = [threading.Thread(target=ask) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(passed), started, time.time())
"""


@pytest.fixture
def client(own_redis: OwnRedis):
    with redis.Redis(port=own_redis.port) as client:
        client.flushdb()
        yield client


def test_four_processes_of_sixteen_threads_never_pass_more_than_limit_and_burst(own_redis: OwnRedis, client):
    rate_s, burst, seconds = 100, 50, 3.0
    command = [sys.executable, "-c", FLOOD, str(own_redis.port), "flood", str(1e6 / rate_s), str(burst), str(seconds)]
    environment = {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "PATH": "/usr/bin:/bin"}
    floods = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(4)]
    told = [list(map(float, flood.communicate()[0].split())) for flood in floods]
    passed = sum(one[0] for one in told)
    longest = max(one[2] for one in told) - min(one[1] for one in told)
    common = min(one[2] for one in told) - max(one[1] for one in told)
    assert passed <= burst + rate_s * longest + 1
    assert passed >= 0.9 * (burst + rate_s * common)


def decide(client: redis.Redis, buckets: list[Bucket], cost: int, count: int) -> list[int]:
    limits = [number for bucket in buckets for number in (bucket.emission_us, bucket.burst)]
    indexes = range(1, len(buckets) + 1)
    return client.register_script(SCRIPT)(
        keys=[bucket.key for bucket in buckets], args=[*limits, cost, count, len(buckets), *indexes]
    )


def bucket(name: str, quota: int, window_s: int, burst: int = 0) -> Bucket:
    return Bucket.of(RatePolicy(name, quota, window_s, burst), "org_1", "key", "key_1")


def test_a_request_takes_from_all_policies_or_from_none(client):
    wide, narrow = bucket("wide", 1000, 3600), bucket("narrow", 2, 3600)
    assert decide(client, [wide, narrow], 1, 5)[0] == 2
    assert decide(client, [wide], 1, 1)[2] == 997
    assert decide(client, [wide, narrow], 1, 1)[0] == 0
    assert decide(client, [wide], 1, 1)[2] == 996


def test_rows_count_and_a_group_passes_as_far_as_it_fits(client):
    one = bucket("rows", 100, 3600)
    assert decide(client, [one], 30, 5)[:1] == [3]
    passing, retry_us, left, _full, wait = decide(client, [one], 30, 1)
    assert (passing, left) == (0, 10)
    assert retry_us == wait == pytest.approx(20 * 36e6, rel=0.01)


def test_the_local_share_is_the_limit_divided_by_the_nodes():
    limits = Limits(None)
    limits.nodes = 4
    demand = ((bucket("minute", 100, 60, 40),), 1, 1000)
    verdicts: list[list[Verdict]] = []
    limits.check([demand], verdicts.append)
    assert verdicts[0][0].passing == 10
    assert limits.check_locally([demand])[0].passing == 0
    assert 0 < limits.check_locally([demand])[0].retry_us <= 2_500_000


def test_script_and_local_arithmetic_agree(client):
    limits = Limits(None)
    for number, (quota, window_s, burst, cost, count) in enumerate(
        [(7, 60, 0, 1, 9), (601, 1, 601, 3, 300), (100000, 1, 50, 7, 20), (1, 86400, 3, 2, 4)]
    ):
        policy = bucket(f"p{number}", quota, window_s, burst)
        remote = decide(client, [policy], cost, count)
        local = limits.check_locally([((policy,), cost, count)])[0]
        assert remote[0] == local.passing == (burst or quota) // cost if count > 8 else local.passing
        assert json.dumps(remote[2]) == json.dumps(local.left[0])
