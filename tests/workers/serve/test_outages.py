"""Redis, control and the disk go away under load: limited but serving, refused but unharmed, nothing unmetered."""

import os
import resource
import signal
import time
from pathlib import Path

import httpx
import pytest

from contracts.serving import RatePolicy
from tests.workers.serve import models
from tests.workers.serve.clients import Crowd
from tests.workers.serve.conftest import OwnRedis
from tests.workers.serve.serving import serving, wait_for
from tests.workers.serve.small_control import SmallControl


def total_micros(control: SmallControl) -> int:
    """Free money, money out on leases, and money spent: never changes."""
    with control.lock:
        out = sum(lease["granted"] - lease["spent"] for lease in control.leases.values() if lease["open"])
        spent = sum(record["amount_micros"] for record in control.usage.values())
        return sum(control.wallets.values()) + out + spent


def test_redis_killed_means_limited_but_serving(control: SmallControl, tmp_path: Path):
    own = OwnRedis(tmp_path)
    organisation = control.organisation()
    free, tight = control.key(organisation), control.key(organisation, policies=[RatePolicy("tight", 10, 3600, 10)])
    control.endpoint(organisation, "churn", models.classifier(), policies=[RatePolicy("wide", 10**7, 60)])
    control.publish()
    with serving(control, tmp_path / "data", own.url) as server:
        server.wait_ready()
        wait_for(lambda: b'serve_redis_up{process="0"} 1' in server.http.get("/metrics").content)
        with Crowd(server.port, free, "churn", 8, lambda: {"age": 1}) as crowd:
            time.sleep(0.5)
            own.kill()
            time.sleep(1.0)
            own.start()
            own.process.send_signal(signal.SIGSTOP)
            time.sleep(2.5)
            own.process.send_signal(signal.SIGCONT)
            wait_for(lambda: b'serve_redis_up{process="0"} 1' in server.http.get("/metrics").content)
        assert set(crowd.statuses()) == {200}
        assert not crowd.broken
        own.kill()
        wait_for(lambda: b'serve_redis_up{process="0"} 0' in server.http.get("/metrics").content)
        codes = [server.predict(tight, "churn", {"age": 1}).status_code for _ in range(14)]
        assert codes == [200] * 10 + [429] * 4


def test_kill_nine_under_load_meters_every_delivered_answer_once(control: SmallControl, tmp_path: Path):
    organisation = control.organisation(balance=10**8)
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier(), price=100)
    control.publish()
    start = total_micros(control)
    with serving(control, tmp_path / "data") as server:
        server.wait_ready()
        with Crowd(server.port, key, "churn", 16, lambda: {"age": 1}) as crowd:
            for _ in range(3):
                time.sleep(0.7)
                server.kill()
                server.start()
                wait_for(lambda: server.http.get("/v2/health/ready").status_code == 200)
            time.sleep(0.7)
        good = crowd.good_ids()
        assert len(good) > 300
        wait_for(lambda: set(good) <= set(control.usage), what="every answered id to be shipped")
    assert len(set(good)) == len(good)
    unanswered = len(control.usage) - len(good)
    assert 0 <= unanswered <= 3 * 16, "metered but undelivered: at most what was in flight at each kill"
    assert control.open_leases() == []
    assert total_micros(control) == start
    assert control.wallets[organisation.wallet] == start - 100 * len(control.usage)


def test_sixty_four_clients_never_overspend_a_budget(control: SmallControl, tmp_path: Path):
    organisation = control.organisation(balance=10**9)
    budget = control.wallet(60_000)
    key = control.key(organisation, wallets=[budget])
    control.endpoint(organisation, "churn", models.classifier(), price=100)
    control.publish()
    with serving(control, tmp_path / "data", SERVE_PROCESSES="2") as server:
        server.wait_ready()
        wait_for(lambda: all(httpx.get(f"{server.url}/v2/models").status_code == 404 for _ in range(20)))
        time.sleep(0.5)
        with Crowd(server.port, key, "churn", 64, lambda: {"age": 1}) as crowd:
            wait_for(lambda: control.wallets[budget] == 0 and crowd.statuses()[402] > 200, 20, "the last credit to go")
        wait_for(lambda: server.stop() == 0)
    assert set(crowd.statuses()) <= {200, 402}
    paid = [record for record in control.usage.values() if budget in record["leases"]]
    assert sum(record["amount_micros"] for record in paid) == 60_000 - control.wallets[budget]
    assert control.wallets[budget] == 0, "the last credit can be spent"
    assert all(set(record["leases"]) == {budget, organisation.wallet} for record in paid)


def test_control_away_is_survived_on_leases_then_refused(control: SmallControl, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier(), price=100)
    control.most_granted = 3000
    control.publish()
    with serving(control, tmp_path / "data") as server:
        server.wait_ready()
        assert server.predict(key, "churn", {"age": 1}).status_code == 200
        control.away = True
        codes = [server.predict(key, "churn", {"age": 1}) for _ in range(40)]
        served = [answer for answer in codes if answer.status_code == 200]
        assert 20 <= len(served) < 40
        assert codes[-1].json()["code"] == "ours:control-unavailable"
        assert int(codes[-1].headers["Retry-After"]) >= 1
        server.kill()
        server.start()
        wait_for(lambda: server.http.get("/v2/health/ready").status_code == 200, what="a start without control")
        wait_for(lambda: server.predict(key, "churn", {"age": 1}).json()["code"] == "ours:control-unavailable")
        control.away = False
        wait_for(lambda: server.predict(key, "churn", {"age": 1}).status_code == 200)
        wait_for(lambda: len(control.usage) == len(served) + 2, what="the outage's usage to be shipped")


def test_a_full_disk_refuses_and_recovers_by_itself(control: SmallControl, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier())
    control.publish()
    with serving(control, tmp_path / "data") as server:
        server.wait_ready()
        first = server.predict(key, "churn", {"age": 1})
        (journal,) = (tmp_path / "data" / "journal" / "0").glob("*/*.wal")
        size = journal.stat().st_size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        for _ in range(3):
            answer = server.predict(key, "churn", {"age": 1})
            assert (answer.status_code, answer.json()["code"]) == (503, "ours:metering-unavailable")
        assert server.http.get("/v2/health/ready").status_code == 503
        assert journal.stat().st_size == size, "nothing half-written stays"
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_for(lambda: server.http.get("/v2/health/ready").status_code == 200)
        last = server.predict(key, "churn", {"age": 1})
        assert last.status_code == 200
        wait_for(lambda: last.headers["Usage-Id"] in control.usage)
        assert set(control.usage) == {first.headers["Usage-Id"], last.headers["Usage-Id"]}


def test_a_wrong_clock_refuses(control: SmallControl, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier())
    control.clock_offset_s = 600.0
    control.publish()
    with serving(control, tmp_path / "data") as server:
        server.wait_ready()
        answer = server.predict(key, "churn", {"age": 1})
        answer = server.predict(key, "churn", {"age": 1})
        assert (answer.status_code, answer.json()["code"]) == (503, "ours:metering-unavailable")
        assert "clock" in answer.json()["detail"]


def test_a_second_process_on_the_same_journal_is_fenced_off(tmp_path: Path):
    from workers.serve.slots import SlotLock, SlotTaken

    first = SlotLock(tmp_path / "0")
    with pytest.raises(SlotTaken):
        SlotLock(tmp_path / "0")
    first.release()
    SlotLock(tmp_path / "0").release()
    assert os.listdir(tmp_path / "0") == ["lock"]
