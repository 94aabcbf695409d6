"""What the data plane leans on is killed, frozen, emptied, filled or put in the wrong time; the books must agree.

Two cases run in the normal suite; CHAOS=short runs all of them shortly, `make chaos` sets CHAOS=long for longer ones
and prints every figure beside its promise.
"""

import itertools
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import FileIO
from pathlib import Path

import numpy as np
import pytest
import redis

from contracts.serving import PublishedEndpoint, RatePolicy
from tests.chaos.clients import BROKEN, RetryingCrowd, TimedCrowd, Told, percentile_ms
from tests.chaos.conftest import IS_LONG, SEED, Promises
from tests.chaos.data_plane import PRICE, ROW, Plane, data_plane, skewed_clock
from tests.workers.serve import models
from tests.workers.serve.serving import serving, wait_for
from tests.workers.serve.small_control import SmallControl

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(300)]

in_chaos = pytest.mark.skipif(
    not os.environ.get("CHAOS"), reason="runs under `make chaos`; CHAOS=short for a short form"
)


def books_agree(plane: Plane, told: list[Told], promises: Promises, case: str) -> None:
    """Every answer metered once, nothing lost, nothing overspent."""
    ids = [one.usage_id for one in told if one.status == 200]
    wait_for(lambda: not plane.unmetered([one for one in told if one.status == 200]), 30, "the journal to be shipped")
    promises.exactly(1, f"{case}: answers that are not metered", sum(i not in plane.control.usage for i in ids), 0)
    promises.exactly(4, f"{case}: micros that are neither free, held nor spent", plane.money_difference_micros(), 0)
    assert min(plane.control.wallets.values()) >= 0


def ready(plane: Plane) -> bool:
    return plane.server.http.get("/v2/health/ready").status_code == 200


def test_a_retried_request_of_a_killed_server_is_charged_once(tmp_path: Path, promises: Promises):
    kills, clients = (12, 64) if IS_LONG else (2, 16)
    chance = random.Random(SEED)
    with data_plane(tmp_path) as plane:
        with RetryingCrowd(plane.server.port, plane.key, "churn", clients, ROW, seed=SEED) as crowd:
            for _ in range(kills):
                time.sleep(chance.uniform(0.4, 1.2))
                plane.server.kill()
                plane.server.start()
                wait_for(lambda: ready(plane))
            time.sleep(0.5)
        good = crowd.good()
        answered = {one.key for one in good}
        cut = sum(one.status == BROKEN for one in crowd.told)
        promises.seen(2, f"kill -9 with retries: answers, {kills} kills, {cut} cut off", len(good))
        assert cut > 0
        promises.exactly(
            2, "kill -9 with retries: requests never answered", len({t.key for t in crowd.told} - answered), 0
        )
        books_agree(plane, crowd.told, promises, "kill -9 with retries")
        promises.exactly(
            2, "kill -9 with retries: charges beyond one per request", len(plane.control.usage) - len(answered), 0
        )


@in_chaos
def test_what_was_metered_but_not_delivered_was_in_flight_at_a_kill(tmp_path: Path, promises: Promises):
    kills, clients = (12, 64) if IS_LONG else (2, 16)
    chance = random.Random(SEED)
    with data_plane(tmp_path, SERVE_PROCESSES="2") as plane:
        with TimedCrowd(plane.server.port, plane.key, "churn", clients, ROW) as crowd:
            for _ in range(kills):
                time.sleep(chance.uniform(0.4, 1.2))
                plane.server.kill()
                plane.server.start()
                wait_for(lambda: ready(plane))
            time.sleep(0.5)
        good = crowd.good()
        promises.seen(1, f"kill -9 of two processes: answers, {kills} kills", len(good))
        promises.exactly(
            1, "kill -9 of two processes: usage ids given twice", len(good) - len({g.usage_id for g in good}), 0
        )
        books_agree(plane, crowd.told, promises, "kill -9 of two processes")
        lost = len(plane.control.usage) - len(good)
        promises.at_most(2, "kill -9 of two processes: metered and not delivered", lost, kills * clients)


@in_chaos
def test_valkey_killed_frozen_and_flushed(tmp_path: Path, promises: Promises):
    frozen_s = 10.0 if IS_LONG else 1.5
    with data_plane(tmp_path) as plane:
        with TimedCrowd(plane.server.port, plane.key, "churn", 8, ROW, per_s=100) as crowd:
            time.sleep(1.5)
            calm = percentile_ms(crowd.between(0, time.monotonic()), 0.99)
            added: dict[str, tuple[float, float]] = {}
            for name, disturb, repair in _disturbances(plane):
                began_s = time.monotonic()
                disturb()
                time.sleep(frozen_s)
                repair()
                first = percentile_ms(crowd.between(began_s, began_s + 1), 0.99) - calm
                added[name] = first, percentile_ms(crowd.between(began_s + 1, began_s + frozen_s), 0.99) - calm
                wait_for(lambda: b'serve_redis_up{process="0"} 1' in plane.server.http.get("/metrics").content, 20)
        told = crowd.told
        promises.seen(6, "Valkey killed, frozen, flushed: requests", len(told))
        promises.at_least(6, "Valkey killed, frozen, flushed: share of 200", len(crowd.good()) / len(told), 0.99)
        for name, (first_ms, after_ms) in added.items():
            _judge_delay(promises, name, first_ms, after_ms)
        books_agree(plane, told, promises, "Valkey away")


def _disturbances(plane: Plane) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    own = plane.redis
    yield "Valkey killed", own.kill, own.start
    freeze, thaw = (partial(own.process.send_signal, number) for number in (signal.SIGSTOP, signal.SIGCONT))
    yield "Valkey frozen", freeze, thaw
    yield "Valkey flushed", lambda: redis.Redis(port=own.port).flushall(), lambda: None


def _judge_delay(promises: Promises, name: str, first_ms: float, after_ms: float) -> None:
    """Milliseconds are judged only by `make chaos`: the suite runs on machines that are busy with other tests."""
    if IS_LONG:
        promises.at_most(6, f"{name}: ms added to p99 in the first second", first_ms, 60)
        promises.at_most(6, f"{name}: ms added to p99 afterwards", after_ms, 5)
    else:
        promises.seen(6, f"{name}: ms added to p99 in the first second", first_ms)


def test_a_limit_is_exact_over_processes_and_kept_without_valkey(tmp_path: Path, promises: Promises):
    quota, window_s, burst = 600, 2, 50
    for_s = 8.0 if IS_LONG else 2.0
    with data_plane(tmp_path, SERVE_PROCESSES="2") as plane:
        key = plane.control.key(plane.organisation, policies=[RatePolicy("exact", quota, window_s, burst)])
        plane.server.publish()
        time.sleep(0.5)  # the second process follows within its own time
        with TimedCrowd(plane.server.port, key, "churn", 16, ROW) as crowd:
            time.sleep(for_s)
        good = crowd.good()
        assert crowd.statuses()[429] > 0
        promises.exactly(
            13, "limit over two processes: most beyond it in any window", _beyond(good, quota / window_s, burst), 0
        )
        granted = burst + (good[-1].answered_s - crowd.told[0].sent_s) * quota / window_s
        promises.at_least(
            13, "limit over two processes: share of it granted", len(good) / granted, 0.99 if IS_LONG else 0.5
        )
        plane.redis.kill()
        wait_for(lambda: b"serve_redis_up" in plane.server.http.get("/metrics").content)
        time.sleep(1.5)
        with TimedCrowd(plane.server.port, key, "churn", 16, ROW) as alone:
            time.sleep(for_s)
        most = burst + for_s * quota / window_s
        promises.at_most(6, "limit without Valkey: admitted, as a share of the limit", len(alone.good()) / most, 1.1)


def _beyond(good: list[Told], per_s: float, burst: int) -> int:
    """The most answers that any window let through beyond burst + rate x its length + 1.

    A request was decided between its sending and its answer, so only those sent and answered inside a window are
    surely its own: what this finds is a breach whatever the network did.
    """
    sent = np.array([one.sent_s for one in good])
    answered = np.array([one.answered_s for one in good])
    worst = 0.0
    for begin_s in np.sort(sent):
        ends = np.sort(answered[sent >= begin_s])
        inside = np.arange(1, len(ends) + 1)
        worst = max(worst, float((inside - burst - per_s * (ends - begin_s) - 1).max()))
    return max(int(worst), 0)


@in_chaos
def test_control_away_is_served_from_leases_and_nothing_is_lost(tmp_path: Path, promises: Promises):
    for_s = 10.0 if IS_LONG else 2.0
    with data_plane(tmp_path) as plane:
        with TimedCrowd(plane.server.port, plane.key, "churn", 8, ROW, per_s=50) as crowd:
            time.sleep(max(for_s / 2, 2.0))
            away_s = time.monotonic()
            plane.control.away = True
            time.sleep(for_s)
            back_s = time.monotonic()
            plane.control.away = False
            time.sleep(0.5)
        during = crowd.between(away_s, back_s)
        before = crowd.between(away_s - for_s / 2, away_s)
        rates = [len([one for one in part if one.status == 200]) for part in (before, during)]
        promises.seen(5, "control away: answers while it was", rates[1])
        kept = rates[1] / for_s / (rates[0] / (for_s / 2))
        promises.at_least(5, "control away: share of the rate before", kept, 0.95 if IS_LONG else 0.5)
        assert set(crowd.statuses()) == {200}
        books_agree(plane, crowd.told, promises, "control away")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 4 MB of its own; skipped where this user may not mount one."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)
    folder.rmdir()


@in_chaos
def test_a_full_disk_under_load_refuses_loses_nothing_and_recovers(
    tmp_path: Path, small_disk: Path, promises: Promises
):
    with data_plane(tmp_path, SERVE_DATA=str(small_disk)) as plane:
        with TimedCrowd(plane.server.port, plane.key, "churn", 8, ROW, per_s=100) as crowd:
            time.sleep(0.5)
            ballast = small_disk / "ballast"
            with ballast.open("wb", buffering=0) as file:
                _fill(file)
                wait_for(lambda: crowd.statuses()[503] > 20, 60, "the full disk to be noticed")
                time.sleep(3.0 if IS_LONG else 0.5)
            freed_s = time.monotonic()
            ballast.unlink()
            wait_for(lambda: any(one.sent_s > freed_s and one.status == 200 for one in list(crowd.told)), 20)
            time.sleep(0.3)
        back_s = min(one.answered_s for one in crowd.good() if one.sent_s > freed_s) - freed_s
        assert set(crowd.statuses()) == {200, 503}
        promises.seen(7, "journal's disk full: refused with 503", crowd.statuses()[503])
        promises.at_most(7, "journal's disk full: seconds to serve again once freed", back_s, 1.0 if IS_LONG else 10.0)
        books_agree(plane, crowd.told, promises, "journal's disk full")


def _fill(file: FileIO) -> None:
    """Write until there is no room, in pieces that get smaller."""
    for size in (65536, 4096, 512, 1):
        try:
            while True:
                file.write(b"\0" * size)
        except OSError:
            continue


@in_chaos
@pytest.mark.parametrize("skew_s", [600.0, -600.0])
def test_a_clock_ten_minutes_off_refuses_and_meters_nothing(tmp_path: Path, promises: Promises, skew_s: float):
    """With libfaketime the server's clock is wrong; where that is not installed, control's is, by the same amount."""
    shifted = skewed_clock(skew_s)
    with data_plane(tmp_path, **shifted) as plane:
        if not shifted:
            plane.control.clock_offset_s = -skew_s
        wait_for(lambda: plane.server.predict(plane.key, "churn", ROW).status_code == 503, 20, "the skew to be seen")
        before = len(plane.control.usage)
        answers = [plane.server.predict(plane.key, "churn", ROW) for _ in range(50)]
        refused = sum(one.json().get("code") == "ours:metering-unavailable" for one in answers)
        time.sleep(0.3)
        promises.exactly(8, f"clock {skew_s:+.0f} s off: refused of 50", refused, 50)
        promises.exactly(8, f"clock {skew_s:+.0f} s off: metered meanwhile", len(plane.control.usage) - before, 0)


@in_chaos
def test_models_are_swapped_under_keep_alive_clients_without_a_failed_request(tmp_path: Path, promises: Promises):
    swaps, clients = (20, 32) if IS_LONG else (4, 8)
    packages = itertools.cycle([models.classifier(bias=1.0), models.classifier(bias=2.0)])
    with data_plane(tmp_path) as plane:
        (endpoint,) = plane.control.endpoints.values()
        stale = 0
        with TimedCrowd(plane.server.port, plane.key, "churn", clients, ROW, per_s=50) as crowd:
            for _ in range(swaps):
                deployment = plane.control.deployment(next(packages))
                fields = {name: getattr(endpoint, name) for name in endpoint.__dataclass_fields__}
                plane.control.endpoints[endpoint.id] = PublishedEndpoint(**(fields | {"deployments": [deployment]}))
                plane.server.publish()
                acknowledged_s = time.monotonic()
                time.sleep(0.2)
                later = crowd.between(acknowledged_s, time.monotonic())
                stale += sum(one.version != deployment.model_version for one in later)
        promises.seen(17, f"{swaps} swaps under {clients} clients: answers", len(crowd.good()))
        promises.exactly(17, "swaps: requests that failed", len(crowd.told) - len(crowd.good()), 0)
        promises.exactly(17, "swaps: answers of a retired version after the swap was acknowledged", stale, 0)


@in_chaos
def test_sixty_four_clients_and_kills_never_overspend_a_balance(tmp_path: Path, promises: Promises):
    credit, clients, kills = (5000, 64, 12) if IS_LONG else (400, 16, 1)
    chance = random.Random(SEED)
    with data_plane(tmp_path, balance=credit * PRICE) as plane:
        with TimedCrowd(plane.server.port, plane.key, "churn", clients, ROW) as crowd:
            for _ in range(kills):
                time.sleep(chance.uniform(0.1, 0.6))
                plane.server.kill()
                plane.server.start()
                wait_for(lambda: ready(plane))
            wait_for(lambda: crowd.statuses()[402] > 50, 60, "the balance to be used up")
            # What lies in leases of the killed process comes back with its successor's first hello.
            wait_for(lambda: plane.spent_micros() == credit * PRICE, 15, "the last of the balance to be spent")
        books_agree(plane, crowd.told, promises, "balance used up")
        promises.exactly(3, "balance used up: micros spent beyond it", plane.spent_micros() - credit * PRICE, 0)


@in_chaos
def test_a_server_stopped_properly_drains_without_a_failed_request(tmp_path: Path, promises: Promises):
    """Clients are told to go before the port closes: nobody meets a closed door or a cut connection."""
    control = SmallControl()
    organisation = control.organisation()
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier(), price=PRICE)
    control.publish()
    with serving(control, tmp_path / "one", SERVE_DRAIN_MS="1500") as server:
        server.wait_ready()
        with TimedCrowd(server.port, key, "churn", 16, ROW, per_s=50) as crowd:
            time.sleep(0.7)
            server.process.terminate()
            time.sleep(1.0)
        assert server.process.wait(timeout=20) == 0
    control.close()
    promises.seen(17, "SIGTERM under 16 clients: answers", len(crowd.good()))
    promises.exactly(17, "SIGTERM: requests that failed before the port closed", len(crowd.told) - len(crowd.good()), 0)
