"""Real processes are killed with -9 under load: what was answered is billed once, what was started is finished once.

Short by default; `make chaos` sets CHAOS=long for more kills.
"""

import json
import random
import time

import psycopg
import pytest

from tests.chaos.conftest import IS_LONG, SEED, Promises
from tests.road import EXAMPLES, Crowd, Road, penguin_rows
from tests.stack import wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]

PRICE = 100


@pytest.fixture(scope="module")
def road(stack):
    return Road(stack, stack.bootstrap("Chaos", "chaos@example.com", credit_micros=500_000_000))


@pytest.fixture(scope="module")
def version(road):
    return road.upload(EXAMPLES / "penguins" / "train.csv", name="Penguins under fire")


@pytest.fixture(scope="module")
def endpoint(road, version):
    run = road.finished(road.start_run(version, families=["linear"]))
    assert run["state"] == "succeeded", run["error"]
    generous = [{"name": "endpoint", "quota": 1_000_000, "window_s": 1}]
    return road.deploy("chaos", run["model_version"], limits=generous)


def recorded(stack, ids: list[str]) -> dict[str, int]:
    """Usage id -> how many events carry it."""
    with psycopg.connect(stack.database_url) as connection:
        rows = connection.execute("SELECT id, count(*) FROM metering_usageevent WHERE id = ANY(%s) GROUP BY id", [ids])
        return dict(rows.fetchall())


def all_are_metered_once(stack, crowd: Crowd, promises: Promises, case: str) -> None:
    assert len(set(crowd.usage_ids)) == len(crowd.usage_ids)
    wait_until(lambda: len(recorded(stack, crowd.usage_ids)) == len(crowd.usage_ids), 30, "every answer to be metered")
    assert set(recorded(stack, crowd.usage_ids).values()) == {1}
    promises.seen(1, f"{case}: answers, each in PostgreSQL once", len(crowd.usage_ids))
    told = stack.manage("reconcile")
    assert "0 differences" in told, told
    promises.exactly(4, f"{case}: books reconciled without a difference", 1, told.count("0 differences"))


def test_every_answer_of_a_server_killed_under_load_is_metered_once(stack, road, endpoint, promises):
    kills = random.Random(SEED)
    with Crowd(road, endpoint["name"], penguin_rows()[0][0], clients=16) as crowd:
        for _ in range(12 if IS_LONG else 3):
            before = crowd.answered()
            wait_until(lambda before=before: crowd.answered() > before + 200, 30, "traffic")
            time.sleep(kills.uniform(0.2, 1.0))
            starts = stack.starts("serve")
            stack.kill("serve")
            stack.wait_back("serve", starts + 1)
        before = crowd.answered()
        wait_until(lambda: crowd.answered() > before + 100, 30, "traffic after the last kill")
    assert crowd.cut_off > 0
    all_are_metered_once(stack, crowd, promises, "platform, server killed")


def test_postgresql_may_crash_while_leased_customers_are_served_and_nothing_is_lost(stack, road, endpoint, promises):
    with Crowd(road, endpoint["name"], penguin_rows()[0][1], clients=8) as crowd:
        wait_until(lambda: crowd.answered() > 200, 30, "traffic")
        starts = stack.starts("postgres")
        stack.kill("postgres")
        stack.wait_back("postgres", starts + 1)
        before = crowd.answered()
        wait_until(lambda: crowd.answered() > before + 200, 60, "traffic after the crash")
        if IS_LONG:
            _stay_away_ten_seconds(stack, crowd, promises)
    all_are_metered_once(stack, crowd, promises, "platform, PostgreSQL killed")


def _stay_away_ten_seconds(stack, crowd: Crowd, promises: Promises) -> None:
    """PostgreSQL is stopped; customers with leases go on."""
    rates = []
    for disturb in (lambda: None, lambda: stack.stop("postgres")):
        disturb()
        before = crowd.answered()
        time.sleep(10)
        rates.append(crowd.answered() - before)
    stack.restart("postgres")
    promises.at_least(5, "PostgreSQL away for 10 s: share of the rate before", rates[1] / rates[0], 0.95)


def test_redis_may_be_killed_and_customers_are_still_served(stack, road, endpoint, promises):
    with Crowd(road, endpoint["name"], penguin_rows()[0][2], clients=8) as crowd:
        wait_until(lambda: crowd.answered() > 200, 30, "traffic")
        starts = stack.starts("valkey")
        stack.kill("valkey")
        before = crowd.answered()
        wait_until(lambda: crowd.answered() > before + 100, 20, "traffic without Redis")
        stack.wait_back("valkey", starts + 1)
    asked = sum(crowd.statuses.values()) + crowd.cut_off
    promises.at_least(6, "platform, Redis killed: share of 200", crowd.statuses[200] / asked, 0.95)
    all_are_metered_once(stack, crowd, promises, "platform, Redis killed")


def test_sixty_four_clients_never_overspend_a_hard_budget_and_spend_its_last_unit(stack, road, endpoint, promises):
    key = road.post("/keys", {"name": "capped", "scopes": ["predict"]})
    limit = 300 * PRICE
    budget = road.post("/budgets", {"name": "cap", "scope": "key", "scope_id": key["id"], "limit_micros": limit})
    row = penguin_rows()[0][3]
    wait_until(lambda: _wallet_is_published(stack, budget["id"]), 10, "the budget to reach the data plane")
    time.sleep(3)  # a node may hold the older snapshot for up to two seconds
    poor = Road(stack, road.account)
    poor.account = type(road.account)(**vars(road.account) | {"api_key": key["secret"]})
    with Crowd(poor, endpoint["name"], row, clients=64) as crowd:
        wait_until(lambda: crowd.statuses.get(402, 0) > 200, 60, "the budget to be used up")
    promises.exactly(3, "platform, hard budget of 300 requests, 64 clients: answered", crowd.answered(), 300)
    all_are_metered_once(stack, crowd, promises, "platform, hard budget")


def test_a_killed_trainer_resumes_and_the_run_is_charged_once(stack, road, version, promises):
    run = road.start_run(version, seconds=12)
    road.until(
        lambda: road.get(f"/runs/{run['id']}"),
        lambda seen: any(c["state"] == "done" for c in seen["candidates"]) or seen["state"] == "succeeded",
        60,
        "a first candidate",
    )
    stack.kill("train")
    if not IS_LONG:
        let_the_lease_run_out(stack, run)
    done = road.finished(run, within_s=180)
    assert done["state"] == "succeeded", done["error"]
    assert done["attempt"] == 2
    with psycopg.connect(stack.database_url) as connection:
        events = connection.execute(
            "SELECT amount_micros FROM metering_usageevent WHERE run = %s", [run["id"]]
        ).fetchall()
        versions = connection.execute(
            "SELECT count(*) FROM registry_modelversion WHERE run_id = %s", [run["id"]]
        ).fetchone()
    assert [amount for (amount,) in events] == [done["cost_micros"]]
    assert versions == (1,)
    promises.exactly(20, "trainer killed: charges of the run", len(events), 1)
    promises.exactly(21, "trainer killed: attempts until it succeeded", done["attempt"], 2)
    assert done["cost_micros"] <= done["max_cost_micros"]
    assert "0 differences" in stack.manage("reconcile")


def let_the_lease_run_out(stack, run: dict[str, str]) -> None:
    """Half a minute of nobody renewing it, without the waiting."""
    with psycopg.connect(stack.database_url) as connection:
        late = "UPDATE training_run SET lease_until = now() - interval '1 second' WHERE id = %s AND state = 'running'"
        assert connection.execute(late, [run["id"]]).rowcount == 1


def _wallet_is_published(stack, budget: str) -> bool:
    with psycopg.connect(stack.database_url) as connection:
        found = connection.execute("SELECT count(*) FROM ledger_wallet WHERE budget_id = %s", [budget]).fetchone()
    return found == (1,)


def test_the_restarted_platform_is_healthy(stack, road, endpoint):
    answer = road.ask(endpoint["name"], [penguin_rows()[0][0]])
    assert answer.status_code == 200, json.dumps(answer.json())
