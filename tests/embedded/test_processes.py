"""The supervisor restarts what crashes, explains what does not start, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from embedded.processes import Program, StartFailed, Supervisor

FOREVER = [sys.executable, "-S", "-c", "import time; print('up', flush=True); time.sleep(600)"]


def wait_until(condition: Callable[[], object], within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_a_crashed_child_is_started_again(tmp_path: Path) -> None:
    notes: list[str] = []
    with Supervisor(tmp_path, note=lambda name, line: notes.append(line)) as supervisor:
        supervisor.start(Program("child", FOREVER, ready_line="up"))
        first = supervisor.pid("child")
        supervisor.kill("child")
        wait_until(lambda: supervisor.starts("child") == 2)
        supervisor.wait_ready("child")
        assert supervisor.pid("child") not in (None, first)
        assert "SIGKILL" in notes[0]


def test_a_child_that_cannot_start_is_explained_with_its_own_words(tmp_path: Path) -> None:
    program = Program("broken", [sys.executable, "-c", "raise SystemExit('no such setting: X')"], ready_line="up")
    with Supervisor(tmp_path) as supervisor, pytest.raises(StartFailed, match="no such setting: X"):
        supervisor.start(program)


def test_a_child_that_is_never_ready_is_reported_in_time(tmp_path: Path) -> None:
    program = Program("slow", FOREVER, ready=lambda: False, ready_within_s=0.5)
    with Supervisor(tmp_path) as supervisor, pytest.raises(StartFailed, match=r"not ready within"):
        supervisor.start(program)


def test_children_of_a_later_stage_end_first(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = "import signal,sys,time; signal.signal(15, lambda *a: (open({!r},'a').write(sys.argv[1]), sys.exit())); "
    script = script.format(str(order)) + "print('up', flush=True); time.sleep(600)"
    with Supervisor(tmp_path / "logs") as supervisor:
        for stage, name in enumerate("abc"):
            supervisor.start(Program(name, [sys.executable, "-c", script, name], ready_line="up", stage=stage))
    assert order.read_text() == "cba"


def test_a_child_that_ignores_its_stop_signal_is_killed_with_its_own_children(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("grandchild", subprocess.Popen(["sleep", "600"]).pid, flush=True)
        time.sleep(600)
    """)
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(Program("deaf", [sys.executable, "-c", script], ready_line="grandchild", stop_within_s=0.3))
        child = supervisor.pid("deaf")
        grandchild = int((tmp_path / "deaf.log").read_text().split()[1])
    assert child is not None
    wait_until(lambda: not psutil.pid_exists(child) and _is_gone(grandchild))


def test_nothing_survives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, "platform")
        from pathlib import Path
        from embedded.processes import Supervisor
        from embedded.servers import start_servers
        supervisor = Supervisor(Path({str(tmp_path)!r}) / "logs")
        start_servers(supervisor, Path({str(tmp_path)!r}))
        print(supervisor.pid("postgres"), supervisor.pid("valkey"), flush=True)
        time.sleep(600)
    """)
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    children = [int(word) for word in process.stdout.readline().split()]
    assert len(children) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    wait_until(lambda: all(_is_gone(pid) for pid in children))


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
