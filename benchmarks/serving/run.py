"""Modelyard's data plane with everything on, beside other servers and bare ONNX Runtime, in one interleaved run.

    make bench-serving                          everything, about a quarter of an hour; writes docs/benchmarks.md
    make bench-serving ARGS="--only modelyard mosec --tasks table --seconds 2 --rounds 1 --no-page"

Per task all contenders are started, each answer is compared with bare ONNX Runtime's, then the load goes round:
A B C, B C A, … Server, clients, Valkey and PostgreSQL share the cores of this machine.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import onnxruntime as ort

from benchmarks.serving import growth, page, plot, report, watch
from benchmarks.serving.asks import feed
from benchmarks.serving.bare import Bare, measure_bare
from benchmarks.serving.contenders import PEER_LIST, CannotStart, Running, django_settings, running_peer
from benchmarks.serving.load import GENERATOR, load
from benchmarks.serving.machine import describe_machine
from benchmarks.serving.models import BenchModel, bench_model
from benchmarks.serving.modelyard import arrangements, running_modelyard
from embedded.processes import Supervisor
from embedded.servers import start_servers

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "var" / "benchmarks"
TASKS = ("table", "wide", "image", "jpeg", "text")
CONNECTIONS = {"table": (1, 16, 64), "wide": (1, 16, 64), "image": (1, 16), "jpeg": (1, 16), "text": (1, 16)}
WARM_S = 0.5


@dataclass
class Task:
    """What one task's round brought: samples per contender and connections, and who could not take part."""

    name: str
    bare: Bare
    samples: dict[tuple[str, int], list[dict[str, float]]] = field(default_factory=lambda: defaultdict(list))
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)


def label_of(model: BenchModel, kind: str) -> str:
    """What bare ONNX Runtime answers to the request that everyone gets."""
    session = ort.InferenceSession(str(model.path), providers=["CPUExecutionProvider"])
    return str(session.run(["label"], feed(kind))[0][0])


def run_task(name: str, asked: argparse.Namespace, servers: dict[str, str]) -> Task:
    kind = "image" if name == "jpeg" else name
    model = bench_model(kind)
    # Decoders shrink a JPEG differently: its label may differ between servers, so only a label is asked for.
    label = "thing-" if name == "jpeg" else label_of(model, kind)
    task = Task(name, measure_bare(model.path, kind, feed(kind), min(asked.seconds, 1.5), asked.device))
    print(f"\n== {name}: bare ONNX Runtime {task.bare.rows_per_s:,.0f} rows/s ({task.bare.arrangement})", flush=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
        started = _start_all(name, model, label, folder, asked, servers, stack, task)
        _note_idle(started, task)
        seconds = asked.seconds + (kind in ("image", "text"))  # slow answers need longer to be counted
        for round_number in range(asked.rounds):
            turn = round_number % max(len(started), 1)
            for connections in asked.connections or CONNECTIONS[name]:
                for one in started[turn:] + started[:turn]:
                    task.samples[one.name, connections].append(_sample(one, connections, seconds))
        for one in started:
            task.facts[one.name]["pss_mb"] = watch.pss_mb(one.pids)
            task.facts[one.name]["processes"] = watch.processes(one.pids)
    return task


def _start_all(
    name: str,
    model: BenchModel,
    label: str,
    folder: Path,
    asked: argparse.Namespace,
    servers: dict[str, str],
    stack: contextlib.ExitStack,
    task: Task,
) -> list[Running]:
    opened: list[tuple[str, Any]] = []
    if _wanted("modelyard", asked):
        for number, arrangement in enumerate(arrangements(name)):
            opened.append((arrangement.name, running_modelyard(arrangement, model, name, label, folder / str(number))))
    for peer in PEER_LIST:
        if name in peer.tasks and _wanted(peer.script, asked) and (not peer.heavy or peer.script in asked.only):
            opened.append((peer.name, running_peer(peer, model, name, label, folder, servers, asked.device)))
    started = []
    for title, block in opened:
        began_s = time.monotonic()
        try:
            one = stack.enter_context(block)
        except CannotStart as reason:
            task.absent.append(str(reason))
            print(f"   {title}: not in this table ({str(reason)[:300]})", flush=True)
            continue
        print(f"   {title}: answers after {time.monotonic() - began_s:.1f} s", flush=True)
        started.append(one)
    return started


def _wanted(name: str, asked: argparse.Namespace) -> bool:
    return not asked.only or any(name.startswith(part) for part in asked.only)


def _note_idle(started: list[Running], task: Task) -> None:
    """What the servers use while nobody asks: it disturbs the others, so it is shown."""
    before = [watch.cpu_s(one.pids) for one in started]
    time.sleep(2.0)
    for one, so_far in zip(started, before, strict=True):
        share = (watch.cpu_s(one.pids) - so_far) / 2.0
        task.facts[one.name] = {"idle_cpu_share": share, "everything": one.everything}


def _sample(one: Running, connections: int, seconds: float) -> dict[str, float]:
    load(one.port, one.ask, connections, WARM_S)
    before_s = watch.cpu_s(one.pids)
    told = load(one.port, one.ask, connections, seconds)
    used_s = watch.cpu_s(one.pids) - before_s
    good = max(told.requests - told.failed, 1)
    print(f"   {one.name:<38}{connections:>4}{told.good_rate:>10,.0f}/s  p99 {told.p99_ms:.2f} ms", flush=True)
    return {
        "rate": told.good_rate,
        "p50_ms": told.p50_ms,
        "p99_ms": told.p99_ms,
        "cpu_s_per_1000": used_s / good * 1000,
        "failed": told.failed,
    }


def summary(task: Task) -> dict[str, Any]:
    """Medians over the rounds, ready for JSON."""
    rows = []
    for (name, connections), samples in task.samples.items():
        middle = {key: statistics.median(one[key] for one in samples) for key in samples[0] if key != "failed"}
        spread = [round(one["rate"]) for one in samples]
        failed = sum(one["failed"] for one in samples)
        facts = task.facts[name]
        rows.append({"name": name, "connections": connections, **middle, "failed": failed, "rates": spread, **facts})
    return {"task": task.name, "bare": asdict(task.bare), "rows": rows, "absent": task.absent}


@contextlib.contextmanager
def _postgres_and_redis(wanted: bool) -> Any:
    """For the DRF view only."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-db-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)  # PostgreSQL's user has to walk through it
        if not wanted:
            yield {}
            return
        supervisor = stack.enter_context(Supervisor(folder / "logs"))
        found = start_servers(supervisor, folder)
        yield {
            "REDIS_URL": found["REDIS_URL"],
            "BENCH_DB": django_settings(found["DATABASE_URL"]),
            "BENCH_KEY": uuid4().hex,
        }


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], help="modelyard, or names of scripts in peers/")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--connections", type=int, nargs="+", default=[])
    parser.add_argument("--seconds", type=int, default=2, help="of each load (wrk takes whole seconds)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda: images and texts only")
    parser.add_argument("--no-growth", action="store_true", help="leave out many endpoints and many keys")
    parser.add_argument("--no-page", action="store_true", help="do not write docs/benchmarks.md")
    asked = parser.parse_args()
    if asked.device == "cuda":
        asked.tasks = [name for name in asked.tasks if name in ("image", "jpeg", "text")]
        asked.no_growth = True
    return asked


def main() -> int:
    asked = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an ended run leaves no server behind
    began_s = time.monotonic()
    machine = describe_machine(asked.device)
    told: dict[str, Any] = {"machine": machine, "generator": GENERATOR, "seconds": asked.seconds}
    told |= {"rounds": asked.rounds, "device": asked.device, "tasks": []}
    with _postgres_and_redis(_wanted("drf", asked)) as servers:
        for name in asked.tasks:
            told["tasks"].append(summary(run_task(name, asked, dict(servers))))
    told["growth"] = [] if asked.no_growth or not _wanted("modelyard", asked) else growth.measure(asked.seconds)
    told["machine"]["load_after"] = round(os.getloadavg()[0], 2)
    told["took_s"] = round(time.monotonic() - began_s)
    RESULTS.mkdir(parents=True, exist_ok=True)
    suffix = "" if asked.device == "cpu" else f"-{asked.device}"
    (RESULTS / f"serving{suffix}.json").write_text(json.dumps(told, indent=1))
    print("\n" + report.text(told))
    if not asked.no_page:
        plot.write(told, ROOT / "docs" / f"benchmarks-serving{suffix}.svg")
        page.write(told, ROOT / "docs" / "benchmarks.md")
    print(f"\n{told['took_s']} s in all; figures in {RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
