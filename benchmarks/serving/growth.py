"""What more endpoints and more keys cost per request: the load goes round all of them in turn.

Requests to many endpoints cannot share a run of one model, so at 16 connections their cost rises towards that of
one connection; the column for one connection shows the cost of looking things up alone.
"""

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.serving import watch
from benchmarks.serving.asks import Ask, make_ask
from benchmarks.serving.load import load
from benchmarks.serving.models import bench_model, cheap_copies
from benchmarks.serving.modelyard import GENEROUS, PLENTY, QuietControl
from contracts.serving import RatePolicy
from tests.workers.serve.conftest import OwnRedis
from tests.workers.serve.serving import Serving

ENDPOINTS = (1, 10, 100, 1000)
KEYS = (1, 100, 100_000)
KEYS_USED = 10_000  # of the keys that exist: the generator keeps each request ready in memory
MEMORY_CAP_BYTES = 2**30
CONNECTIONS = (1, 16)
READY_WITHIN_S = 240.0


def measure(seconds: float) -> list[dict[str, Any]]:
    cases = [("endpoints", count, 1) for count in ENDPOINTS] + [("keys", 1, count) for count in KEYS]
    return [row for what, endpoints, keys in cases for row in _case(what, endpoints, keys, seconds)]


def _case(what: str, endpoints: int, keys: int, seconds: float) -> list[dict[str, Any]]:
    """One server with so many endpoints and keys; a row per number of connections."""
    policies = [RatePolicy("generous", GENEROUS, 60)]
    control = QuietControl()
    organisation = control.organisation(balance=PLENTY, policies=policies)
    secrets = [control.key(organisation, policies=policies) for _ in range(keys)]
    packages = cheap_copies(endpoints) if endpoints > 1 else [bench_model("table").package]
    for number, package in enumerate(packages):
        control.endpoint(organisation, f"net-{number}", package, policies=policies)
    control.publish()
    with tempfile.TemporaryDirectory(prefix="bench-growth-", ignore_cleanup_errors=True) as folder:
        redis = OwnRedis(Path(folder))
        server = Serving(
            control,
            Path(folder) / "data",
            redis.url,
            SERVE_MODEL_MEMORY_BYTES=str(MEMORY_CAP_BYTES),
            SERVE_PROCESSES=str(os.cpu_count() or 1),
        )
        try:
            ready_s = _wait_ready(server, secrets[0], endpoints)
            asks = _asks(secrets[:KEYS_USED], endpoints)
            return [_row(what, max(endpoints, keys), ready_s, server, redis, asks, c, seconds) for c in CONNECTIONS]
        finally:
            server.kill()
            redis.kill()
            control.close()


def _asks(secrets: list[str], endpoints: int) -> list[Ask]:
    found = []
    for number in range(max(len(secrets), endpoints)):
        plain = make_ask("rows", "table", f"/v1/predict/net-{number % endpoints}")
        secret = secrets[number % len(secrets)]
        found.append(Ask(plain.path, plain.body, {**plain.headers, "Authorization": f"Bearer {secret}"}))
    return found


def _wait_ready(server: Serving, secret: str, endpoints: int) -> float:
    """Until sixty answers in a row are good, the endpoints in turn from the last: every process has all of them."""
    began_s, row = time.monotonic(), {f"c{number}": 1.0 for number in range(20)}
    good = 0
    while good < 60:
        if time.monotonic() > began_s + READY_WITHIN_S or server.process.poll() is not None:
            raise RuntimeError(f"the server is not ready: {server.log()[-1000:]}")
        with contextlib.suppress(httpx.TransportError):
            answer = server.predict(secret, f"net-{(endpoints - 1 - good) % endpoints}", row, Connection="close")
            good = good + 1 if answer.status_code == 200 else 0
        time.sleep(0 if good else 0.2)
    return time.monotonic() - began_s


def _row(
    what: str,
    count: int,
    ready_s: float,
    server: Serving,
    redis: OwnRedis,
    asks: list[Ask],
    connections: int,
    seconds: float,
) -> dict[str, Any]:
    pids = [server.process.pid, redis.process.pid]
    load(server.port, asks, connections, 1.0)
    before_s = watch.cpu_s(pids)
    told = load(server.port, asks, connections, seconds)
    used_s = watch.cpu_s(pids) - before_s
    good = max(told.requests - told.failed, 1)
    row = {
        "what": what,
        "count": count,
        "connections": connections,
        "rate": told.good_rate,
        "p50_ms": told.p50_ms,
        "p99_ms": told.p99_ms,
        "cpu_s_per_1000": used_s / good * 1000,
        "failed": told.failed,
        "pss_mb": watch.pss_mb([server.process.pid]),
        "ready_s": round(ready_s, 1),
    }
    print(
        f"   {count:>7} {what:<10} c={connections:<3}{told.good_rate:>9,.0f}/s {row['cpu_s_per_1000']:.3f} s/1000",
        flush=True,
    )
    return row
