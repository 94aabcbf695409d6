"""`manage.py up` and `manage.py demo` as a person types them."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from embedded.data_folder import exclusive
from embedded.ports import free_port

ROOT = Path(__file__).resolve().parents[3]


def environment(folder: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    ports = {name: str(free_port()) for name in ("WEB_PORT", "SERVE_PORT", "SERVE_GRPC_PORT", "STRIPE_DOUBLE_PORT")}
    return inherited | ports | {"MODELYARD_DATA": str(folder)} | more


def run(verb: str, *arguments: str, env: dict[str, str], timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", verb, *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("up", env=environment(tmp_path, WEB_PORT=str(port)))
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert "set WEB_PORT to another port" in done.stderr
    assert not (tmp_path / "valkey").exists()


def test_a_port_that_is_no_port_is_refused(tmp_path: Path) -> None:
    done = run("up", env=environment(tmp_path, SERVE_PORT="http"))
    assert done.returncode == 1
    assert "SERVE_PORT='http': expected a port" in done.stderr


def test_a_second_platform_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        done = run("up", env=environment(tmp_path))
    assert done.returncode == 1
    assert "in use by another Modelyard" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ctrl_c_stops_everything_and_so_does_the_death_of_the_supervisor(tmp_path: Path) -> None:
    for number, status in ((signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)):
        with _platform(tmp_path) as up:
            children = psutil.Process(up.pid).children(recursive=True)
            assert len(children) >= 8
            up.send_signal(number)
            up.wait(timeout=60)
        assert up.returncode == status
        _, alive = psutil.wait_procs(children, timeout=15)
        assert alive == []
        assert (tmp_path / "embedded.json").exists() is (number == signal.SIGKILL)


@contextlib.contextmanager
def _platform(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "manage.py", "up"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(folder), stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        seen = []
        for line in up.stdout:
            seen.append(line)
            if "Ctrl-C stops everything" in line:
                break
        assert up.poll() is None, "".join(seen)
        reader = threading.Thread(target=up.stdout.read, daemon=True)  # a full pipe would stop the supervisor
        reader.start()
        yield up
        reader.join(timeout=10)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_tells_its_story_and_a_second_time_quickly_without_duplicates(tmp_path: Path) -> None:
    env = environment(tmp_path)
    first = run("demo", "--once", "--seconds", "40", env=env)
    assert first.returncode == 0, first.stdout + first.stderr
    for step in ("upload:", "checked:", "trained:", "deploy:", "predict:", "charged:", "invoice preview", "log in"):
        assert step in first.stdout, first.stdout
    second = run("demo", "--once", env=env)
    assert second.returncode == 0, second.stdout + second.stderr
    assert second.stdout.count("is there already") == 3
    took = re.search(r"the story took (\d+) s", second.stdout)
    assert took is not None
    assert int(took[1]) < 30
