"""A platform started three times on one folder as a person types it: `demo --once`, `demo` again, then `up`."""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from embedded.ports import free_port
from tests.beside import BESIDE, Beside

ROOT = Path(__file__).resolve().parents[2]
RUNNING = "Ctrl-C stops everything"
TRAINING_S = 15


@dataclass(frozen=True)
class End:
    """How a running platform ended on a signal."""

    printed: str  # until it ran
    children: int
    returncode: int
    alive: list[psutil.Process]  # of the children, some seconds later
    notes_are_left: bool  # of the servers it had started


@dataclass(frozen=True)
class Story:
    first: "subprocess.CompletedProcess[str]"  # `demo --once` on an empty folder
    killed: End  # `demo` on the same folder, then SIGKILL
    interrupted: End  # `up` on what that left behind, then Ctrl-C


def environment(folder: Path, **more: str) -> dict[str, str]:
    given = BESIDE.environment
    inherited = {name: value for name, value in given.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    ports = {name: str(free_port()) for name in ("WEB_PORT", "SERVE_PORT", "SERVE_GRPC_PORT", "STRIPE_DOUBLE_PORT")}
    return inherited | ports | {"MODELYARD_DATA": str(folder)} | more


def command(verb: str, *arguments: str) -> list[str]:
    return [sys.executable, "manage.py", verb, *arguments]


def tell(beside: Beside) -> Story:
    folder = Path(tempfile.mkdtemp(prefix="modelyard-story-"))
    folder.chmod(0o755)  # PostgreSQL's user has to walk through it
    try:
        once = command("demo", "--once", "--seconds", str(TRAINING_S))
        first = beside.run(once, cwd=ROOT, env=environment(folder))
        killed = _end_by(beside, folder, "demo", signal.SIGKILL)
        return Story(first, killed, _end_by(beside, folder, "up", signal.SIGINT))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_by(beside: Beside, folder: Path, verb: str, number: signal.Signals) -> End:
    with _running(beside, folder, verb) as (platform, printed):
        children = psutil.Process(platform.pid).children(recursive=True)
        platform.send_signal(number)
        platform.wait(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=15)
    return End(printed, len(children), platform.returncode, alive, (folder / "embedded.json").exists())


@contextlib.contextmanager
def _running(beside: Beside, folder: Path, verb: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    platform = beside.start(
        command(verb), cwd=ROOT, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert platform.stdout is not None
    seen = []
    for line in platform.stdout:
        seen.append(line)
        if RUNNING in line:
            break
    printed = "".join(seen)
    assert platform.poll() is None, printed
    reader = threading.Thread(target=platform.stdout.read, daemon=True)  # a full pipe would stop the supervisor
    reader.start()
    yield platform, printed
    reader.join(timeout=10)
