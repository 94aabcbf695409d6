"""Who takes part: each contender's program, dialect and best settings, and how it is started, checked and stopped."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving.asks import Ask, make_ask
from benchmarks.serving.install import ENVIRONMENTS, PEERS
from benchmarks.serving.models import BenchModel

READY_WITHIN_S = 90.0


class CannotStart(RuntimeError):
    """Why a contender does not take part; the table says so."""


@dataclass(frozen=True)
class Peer:
    """A server of somebody else: a script under peers/, run in its own environment."""

    name: str
    script: str
    environment: str  # folder made by install.py; empty: the project's own
    dialect: str
    path: str
    everything: str = "nothing"  # which of key, limits and metering it does
    heavy: bool = False  # left out unless asked for
    tasks: tuple[str, ...] = ("table", "image", "jpeg", "text")
    settings: Mapping[str, str] = field(default_factory=dict)  # BENCH_…
    heavy_settings: Mapping[str, str] = field(default_factory=dict)  # the same for images and texts


_OIP = "/v2/models/net/infer"
_LIGHT = {"BENCH_BATCH": "64", "BENCH_WAIT_MS": "1"}
_HEAVY = {"BENCH_BATCH": "8", "BENCH_WAIT_MS": "5"}  # eight at once: larger batches gain nothing on a processor

PEER_LIST = [
    Peer("FastAPI, plain", "fastapi_plain", "fastapi", "own", "/predict"),
    Peer("FastAPI, tuned", "fastapi_tuned", "fastapi", "own", "/predict"),
    Peer("LitServe", "litserve", "litserve", "json", "/predict", settings=_LIGHT, heavy_settings=_HEAVY),
    Peer("BentoML", "bentoml", "bentoml", "bento", "/infer", settings=_LIGHT, heavy_settings=_HEAVY),
    Peer("MLServer", "mlserver", "mlserver", "mlserver", _OIP, settings=_LIGHT, heavy_settings=_HEAVY),
    Peer("KServe", "kserve", "kserve", "oip", _OIP),
    Peer(
        "Triton (pytriton)", "pytriton", "pytriton", "oip", _OIP,
        settings={"BENCH_BATCH": "64", "BENCH_WAIT_MS": "0.2"}, heavy_settings=_HEAVY,
    ),
    Peer(
        "mosec, batch 16", "mosec", "mosec", "own", "/inference",
        settings={"BENCH_BATCH": "16"}, heavy_settings=_HEAVY,
    ),
    Peer(
        "mosec, batch 64", "mosec", "mosec", "own", "/inference", tasks=("table",),
        settings={"BENCH_BATCH": "64", "BENCH_WORKERS": "1"},
    ),
    Peer("Ray Serve", "ray", "ray", "own", "/predict", heavy=True, settings=_LIGHT, heavy_settings=_HEAVY),
    Peer("DRF", "drf", "", "own", "/predict", everything="key, throttle, row per request"),
]  # fmt: skip


@dataclass
class Running:
    """A started contender."""

    name: str
    port: int
    ask: Ask
    pids: list[int]
    everything: str
    idle_cpu_share: float = 0.0

    def answer(self) -> tuple[int, bytes]:
        """Send the request once; return status and the answer's bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(Ask(self.ask.path, self.ask.body, {**self.ask.headers, "Connection": "close"}).raw())
            got = b""
            while part := client.recv(1 << 16):
                got += part
        return int(got.split(b" ", 2)[1]), got

    def wait_right(self, label: str, process: subprocess.Popen[bytes], log: Path) -> None:
        """Until it answers with the label that bare ONNX Runtime finds. Raises CannotStart with the last words."""
        end_s = time.monotonic() + READY_WITHIN_S
        seen: Any = "no connection"
        while time.monotonic() < end_s and process.poll() is None:
            with contextlib.suppress(OSError, IndexError, ValueError):
                status, got = self.answer()
                seen = status, got[-300:]
                if status == 200 and label.encode() in got:
                    return
            time.sleep(0.2)
        raise CannotStart(f"{self.name}: {seen}; its log ends: {log.read_text(errors='replace')[-1500:]}")


@contextlib.contextmanager
def running_peer(
    peer: Peer, model: BenchModel, task: str, label: str, folder: Path, servers: Mapping[str, str], device: str
) -> Iterator[Running]:
    """Start a peer for the time of the block. Raises CannotStart."""
    reason = ENVIRONMENTS.missing(peer.environment) if peer.environment else ""
    if reason:
        raise CannotStart(f"{peer.name}: {reason}")
    try:
        ask = make_ask(peer.dialect, task, peer.path)
    except KeyError:
        raise CannotStart(f"{peer.name}: its dialect has no form for {task}") from None
    if peer.script == "drf":
        ask = Ask(ask.path, ask.body, {**ask.headers, "Authorization": f"Bearer {servers['BENCH_KEY']}"})
    python = str(ENVIRONMENTS.python_of(peer.environment)) if peer.environment else sys.executable
    port = free_ports()
    told = peer.settings if task in ("table", "wide") else peer.heavy_settings
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE")},
        **servers,
        "BENCH_MODEL": str(model.path),
        "BENCH_TASK": task,
        "BENCH_PORT": str(port),
        "BENCH_WORKERS": str(os.cpu_count() or 1),
        "BENCH_DEVICE": device,
        "PATH": f"{Path(python).parent}:{os.environ['PATH']}",
        **told,
    }
    log = folder / f"{peer.script}-{port}.log"
    with log.open("wb") as out:
        command = [python, f"with_{peer.script}.py"]
        process = subprocess.Popen(command, cwd=PEERS, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        found = Running(peer.name, port, ask, [process.pid], peer.everything)
        found.wait_right(label, process, log)
        yield found
    finally:
        end_tree(process)


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the leader, some seconds, then SIGKILL to all it has started."""
    family = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    if process.poll() is None:
        process.kill()
        process.wait()


def free_ports(count: int = 3) -> int:
    """The first of some neighbouring free ports, below the range that the kernel hands out."""
    for _ in range(200):
        first = random.randrange(15_000, 30_000, 10)
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in range(first, first + count):
                probe = probes.enter_context(socket.socket())
                probe.bind(("127.0.0.1", port))
            return first
    raise RuntimeError("no free ports")


def django_settings(database_url: str) -> str:
    """Where PostgreSQL is, in the words of Django's settings, as JSON."""
    import psycopg.conninfo

    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    wanted = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return json.dumps({ours: str(parts[theirs]) for ours, theirs in wanted.items() if parts.get(theirs)})
