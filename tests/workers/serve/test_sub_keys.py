"""Sub-keys: their own limits inside those of the key they were issued under, and nothing taken from it on a refusal."""

import subprocess
import sys
import threading
import time
from typing import Any

import pytest
import redis

from contracts.channels import seats_key
from contracts.serving import RatePolicy
from tests.workers.serve.conftest import OwnRedis, Shop
from tests.workers.serve.serving import ROOT, wait_for
from workers.serve.limits import GIVE_BACK, SCRIPT, Bucket
from workers.serve.seats import SCRIPT as SEATS

ROW = {"age": 1}
NEVER = 10**6  # a window so long that nothing refills during a test

FLOOD = """
import sys, threading, redis
from workers.serve.limits import SCRIPT
port, tries, keys = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
limits = sys.argv[4].split(",")
passed = []
gate = redis.Redis(port=port)
gate.incr("sub:here")
while int(gate.get("sub:here")) < 4:
    pass
def ask():
    script = redis.Redis(port=port).register_script(SCRIPT)
    for _ in range(tries):
        if script(keys=keys, args=[*limits, 1, 1, len(keys), *range(1, len(keys) + 1)])[0]:
            passed.append(1)
threads = [threading.Thread(target=ask) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(passed))
"""

CROWD = """
import sys, threading, time, redis
port, most, script = int(sys.argv[1]), int(sys.argv[2]), open(sys.argv[3]).read()
seen = []
def work(number):
    client = redis.Redis(port=port)
    take = client.register_script(script)
    for turn in range(3):
        name = f"{sys.argv[4]}-{number}-{turn}"
        while take(keys=["crowd:sub", "crowd:parent"], args=[name, 60_000_000, most, 5]) != 0:
            time.sleep(0.002)
        seen.append(client.incr("crowd:in"))
        client.decr("crowd:in")
        client.zrem("crowd:sub", name); client.zrem("crowd:parent", name)
threads = [threading.Thread(target=work, args=[number]) for number in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(seen), max(seen))
"""


@pytest.fixture
def client(own_redis: OwnRedis):
    with redis.Redis(port=own_redis.port) as client:
        client.flushdb()
        yield client


def at_once(scripts: list[list[str]]) -> list[list[int]]:
    environment = {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "PATH": "/usr/bin:/bin"}
    commands = [[sys.executable, "-c", *script] for script in scripts]
    running = [subprocess.Popen(one, stdout=subprocess.PIPE, env=environment) for one in commands]
    return [list(map(int, one.communicate()[0].split())) for one in running]


def test_four_processes_of_sixteen_threads_keep_sub_keys_inside_their_parent(own_redis: OwnRedis, client):
    """Two processes call with sub-key A (100 of its own), two with B (400); the parent has 300."""
    emission = NEVER * 1e6 / 1000
    floods = [
        [FLOOD, str(own_redis.port), "40", f"sub:{sub},sub:parent", f"{emission},{own},{emission},300"]
        for sub, own in (("a", 100), ("b", 400), ("a", 100), ("b", 400))
    ]
    a1, b1, a2, b2 = (one[0] for one in at_once(floods))
    assert a1 + a2 <= 100
    assert a1 + a2 + b1 + b2 == 300


def test_a_sub_key_at_its_limit_takes_nothing_from_its_parent(own_redis: OwnRedis, client):
    emission = NEVER * 1e6 / 1000
    flood = [FLOOD, str(own_redis.port), "10", "sub:a,sub:parent", f"{emission},100,{emission},300"]
    assert sum(one[0] for one in at_once([flood] * 4)) == 100  # of 640 tries
    parent = [FLOOD, str(own_redis.port), "10", "sub:parent", f"{emission},300"]
    client.delete("sub:here")
    assert sum(one[0] for one in at_once([parent] * 4)) == 200


def test_four_processes_of_sixteen_threads_never_hold_more_seats_than_there_are(own_redis: OwnRedis, client):
    path = str(ROOT / "workers/serve/seats.lua")
    told = at_once([[CROWD, str(own_redis.port), "3", path, str(number)] for number in range(4)])
    assert all(most <= 3 for _, most in told)
    assert sum(taken for taken, _ in told) == 4 * 16 * 3, "everybody gets a seat in the end"
    assert client.zcard("crowd:parent") == 0


def test_a_full_parent_leaves_the_sub_key_its_seats_and_lost_seats_are_forgotten(client):
    take = client.register_script(SEATS)
    assert take(keys=["s", "p"], args=["one", 60_000_000, 2, 1]) == 0
    assert take(keys=["s", "p"], args=["two", 60_000_000, 2, 1]) == 2
    assert client.zcard("s") == 1
    assert take(keys=["q"], args=["dies", 1_000, 1]) == 0
    time.sleep(0.005)
    assert take(keys=["q"], args=["next", 60_000_000, 1]) == 0


def test_what_is_given_back_can_be_taken_again_and_no_more(client):
    bucket = Bucket.of(RatePolicy("month", 3, NEVER), "org", "key", "key_1")
    client.eval(GIVE_BACK, 1, bucket.key, bucket.emission_us)  # nothing was taken: nothing changes
    assert client.exists(bucket.key) == 0
    take = client.register_script(SCRIPT)
    ask = {"keys": [bucket.key], "args": [bucket.emission_us, bucket.burst, 1, 5, 1, 1]}
    assert take(**ask)[0] == 3
    client.eval(GIVE_BACK, 1, bucket.key, 2 * bucket.emission_us)
    assert client.pttl(bucket.key) > 0
    assert take(**ask)[0] == 2


class Family:
    """A key with one sub-key, published on the shared server."""

    def __init__(self, shop: Shop, parent: dict[str, Any], sub: dict[str, Any]) -> None:
        self.shop = shop
        self.parent = shop.control.key(shop.organisation, **parent)
        self.parent_id = shop.control.key_id(self.parent)
        self.sub = shop.control.key(shop.organisation, parent=self.parent_id, **sub)
        shop.server.publish()

    def ask(self, key: str, rows: int = 1) -> Any:
        return self.shop.server.predict(key, "churn", *[ROW] * rows)

    def left(self, key: str, policy: str) -> int:
        """What the RateLimit header of an answer that costs nothing says."""
        headers = {"Authorization": f"Bearer {key}"}
        told = self.shop.server.http.get("/v2/models/churn", headers=headers).headers["RateLimit"]
        return next(int(part.split("r=")[1].split(";")[0]) for part in told.split(",") if f'"{policy}"' in part)


def test_a_request_of_a_sub_key_counts_for_itself_and_its_parent(shop: Shop):
    family = Family(
        shop,
        {"policies": [RatePolicy("month", 10, NEVER)]},
        {"policies": [RatePolicy("second", 100, NEVER), RatePolicy("month", 2, NEVER)]},
    )
    assert family.ask(family.sub).status_code == 200
    assert family.ask(family.sub).status_code == 200
    for _ in range(3):
        answer = family.ask(family.sub)
        assert (answer.status_code, answer.json()["code"]) == (429, "yours:rate-limited")
    assert family.left(family.parent, "month") == 8
    assert (family.left(family.sub, "second"), family.left(family.sub, "parent-month")) == (98, 8)
    assert family.ask(family.parent, rows=8).status_code == 200
    assert family.left(family.sub, "key-month") == 0


def test_a_used_up_quota_is_402_and_neither_rate_nor_money_is_taken(shop: Shop):
    quota, budget = shop.control.quota(3), shop.control.wallet(10_000)
    family = Family(
        shop, {"policies": [RatePolicy("month", 50, NEVER)], "wallets": [budget]}, {"unit_wallets": [quota]}
    )
    assert family.ask(family.sub, rows=2).status_code == 200
    assert family.ask(family.sub, rows=1).status_code == 200
    for _ in range(3):
        answer = family.ask(family.sub)
        assert (answer.status_code, answer.json()["code"]) == (402, "yours:budget-exhausted")
        assert answer.json()["wallet"] == quota
    wait_for(lambda: family.left(family.parent, "month") == 47, what="given back permissions")
    with shop.control.lock:
        lent = sum(one["granted"] for one in shop.control.leases.values() if one["wallet"] == quota)
    assert lent == 3

    def settled() -> bool:
        with shop.control.lock:
            return sum(one["spent"] for one in shop.control.leases.values() if one["wallet"] == budget) == 300

    wait_for(settled, what="three predictions of 100 micros on the parent's budget")


def test_pausing_a_key_stops_it_and_its_sub_keys_and_a_sub_key_alone_stops_alone(shop: Shop):
    family = Family(shop, {}, {})
    assert family.ask(family.sub).status_code == 200
    shop.control.change_key(family.sub, paused=True)
    shop.server.publish()
    assert (family.ask(family.sub).json()["code"], family.ask(family.parent).status_code) == ("yours:key-paused", 200)
    shop.control.change_key(family.sub, paused=False)
    shop.control.change_key(family.parent, paused=True)
    shop.server.publish()
    assert [family.ask(key).status_code for key in (family.sub, family.parent)] == [403, 403]
    shop.control.change_key(family.parent, paused=False, expires_at=time.time() - 1)
    shop.server.publish()
    assert family.ask(family.sub).json()["code"] == "yours:key-expired"


def test_a_sub_key_uses_only_endpoints_that_its_parent_may_use(shop: Shop):
    family = Family(shop, {"endpoints": [shop.double.id]}, {})
    assert family.ask(family.sub).json()["code"] == "yours:not-allowed"
    assert shop.server.predict(family.sub, "double", {"x": 1}).status_code == 200


def test_requests_under_way_are_counted_over_all_nodes(shop: Shop, own_redis: OwnRedis):
    family = Family(shop, {"max_concurrency": 2}, {"max_concurrency": 5})
    place = seats_key(shop.organisation.id, family.parent_id)
    with redis.Redis(port=own_redis.port) as client:
        until = (time.time() + 60) * 1e6
        client.zadd(place, {"of another node": until, "and one more": until})
        answer = family.ask(family.sub)
        assert (answer.status_code, answer.json()["code"]) == (429, "yours:rate-limited")
        assert "2 requests of the key" in answer.json()["detail"]
        client.zrem(place, "and one more")
        assert [family.ask(family.sub).status_code for _ in range(4)] == [200] * 4
        wait_for(lambda: client.zcard(place) == 1, what="free seats")
        answers: list[int] = []
        crowd = [threading.Thread(target=lambda: answers.append(family.ask(family.sub).status_code)) for _ in range(8)]
        [thread.start() for thread in crowd]
        [thread.join() for thread in crowd]
        assert set(answers) <= {200, 429}
        assert 200 in answers
        wait_for(lambda: client.zcard(place) == 1, what="free seats")
        client.delete(place)
