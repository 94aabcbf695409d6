"""The data plane with everything on, beside bare ONNX Runtime in the same run: requests per second, p50, p99, ratios.

    python benchmarks/serving/run.py [--seconds 4] [--processes 1 2] [--connections 1 16 64]

Everything on: key, three rate policies through a real Valkey, a credit lease, the journal with fdatasync. Server,
client, Valkey and the small control share the cores of this machine. One row per request, 20 numbers each.
`cpu µs` is what the server's processes used per request: it stays true when the machine is busy with other things.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
import psutil  # noqa: E402

from contracts.serving import RatePolicy  # noqa: E402
from tests.workers.serve.conftest import OwnRedis  # noqa: E402
from tests.workers.serve.models import Package, wide_network  # noqa: E402
from tests.workers.serve.serving import Serving, serving  # noqa: E402
from tests.workers.serve.small_control import SmallControl  # noqa: E402

COLUMNS = 20


def bare(package: Package, batch: int, seconds: float) -> float:
    """Rows per second of `session.run` alone, one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(package.model, options, providers=["CPUExecutionProvider"])
    feed = {f"c{number}": np.zeros((batch, 1), dtype=np.float32) for number in range(COLUMNS)}
    names = [output.name for output in session.get_outputs()]
    runs, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        session.run(names, feed)
        runs += 1
    return runs * batch / seconds


def load(server: Serving, request: bytes, connections: int, seconds: float) -> dict[str, float]:
    script = Path(__file__).with_name("load.py")
    command = [sys.executable, str(script), "127.0.0.1", str(server.port), str(connections), str(seconds)]
    told = subprocess.run(command, input=request, capture_output=True, check=True)
    return json.loads(told.stdout)


def cpu_s(server: Serving) -> float:
    """Processor time of the server and its children so far."""
    parent = psutil.Process(server.process.pid)
    times = [one.cpu_times() for one in (parent, *parent.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def measure(package: Package, policies: bool, journal_sync: bool, processes: int, each: Callable[..., Any]) -> None:
    """Start a server with what is asked for, and let `each` load it."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    control = SmallControl()
    limits = [RatePolicy("generous", 10**8, 60)] if policies else []
    organisation = control.organisation(balance=10**14, policies=limits)
    key = control.key(organisation, policies=limits)
    control.endpoint(organisation, "wide", package, policies=limits)
    control.publish()
    row = {f"c{number}": round(0.1 * number, 1) for number in range(COLUMNS)}
    body = json.dumps({"rows": [row]}).encode()
    request = (
        b"POST /v1/predict/wide HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (key.encode(), len(body), body)
    )
    redis = OwnRedis(folder)
    sync = "true" if journal_sync else "false"
    extra = {"SERVE_PROCESSES": str(processes), "SERVE_JOURNAL_SYNC": sync}
    try:
        with serving(control, folder / "data", redis.url, **extra) as server:
            server.wait_ready()
            time.sleep(1.0)
            load(server, request, 8, 1.0)
            each(server, request)
    finally:
        redis.kill()
        control.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    asked = parser.parse_args()
    package = wide_network(COLUMNS)
    limit = {batch: bare(package, batch, 1.0) for batch in (1, 32)}
    print(f"machine: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run")
    print(f"bare ONNX Runtime, one thread: {limit[1]:,.0f} rows/s at batch 1, {limit[32]:,.0f} at batch 32\n")
    print(f"{'set-up':<34}{'c':>4}{'req/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'cpu µs':>8}{'of bare@1':>11}{'failed':>8}")

    def report(name: str) -> Callable[..., Any]:
        def each(server: Serving, request: bytes) -> None:
            for connections in asked.connections:
                before = cpu_s(server)
                told = load(server, request, connections, asked.seconds)
                cpu_us = (cpu_s(server) - before) / (told["rate"] * asked.seconds) * 1e6
                share = told["rate"] / limit[1]
                times = f"{told['p50_ms']:>9.2f}{told['p99_ms']:>9.2f}{cpu_us:>8.0f}"
                line = f"{name:<34}{connections:>4}{told['rate']:>10,.0f}{times}"
                print(f"{line}{share:>10.0%} {told['failed']:>8.0f}", flush=True)

        return each

    for processes in asked.processes:
        suffix = f", {processes} process{'es' if processes > 1 else ''}"
        measure(package, False, False, processes, report("no limits, no fdatasync" + suffix))
        measure(package, True, False, processes, report("limits, no fdatasync" + suffix))
        measure(package, True, True, processes, report("everything on" + suffix))


if __name__ == "__main__":
    main()
