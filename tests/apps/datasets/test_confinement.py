"""The walls around the child: what it may not do, and that it never outlives its time or its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from apps.datasets.checking import limits
from apps.datasets.services import examine_upload as supervision
from apps.datasets.services.examine_upload import ChildLost, examine_upload

ROOT = Path(__file__).resolve().parents[3]
PROBE = """
import os, resource, socket, sys
from apps.datasets.checking.confinement import confine
walls = confine(parent_pid=os.getppid(), cpu_s=20, uid=61200 if os.getuid() == 0 else 0)
print(" ".join(walls), resource.getrlimit(resource.RLIMIT_AS)[0], os.getuid(), flush=True)
for attempt in sys.argv[1:]:
    try:
        exec(attempt)
        print("done", flush=True)
    except BaseException as error:
        print(type(error).__name__, flush=True)
"""


def probe(*attempts: str) -> list[str]:
    environment = {"PYTHONPATH": f"{ROOT}/platform:{ROOT}", "LANG": "C.UTF-8"}
    command = [sys.executable, "-s", "-c", PROBE, *attempts]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.splitlines()


def test_memory_files_and_descriptors_are_limited(tmp_path):
    walls, memory, files = probe("bytearray(8 * 2**30)", "[open('/dev/null') for _ in range(200)]")
    assert {"limits", "no-new-privileges", "dies-with-parent"} <= set(walls.split())
    assert f" {limits.CHILD_MEMORY_BYTES} " in walls
    assert (memory, files) == ("MemoryError", "OSError")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a process another user's")
def test_as_root_the_child_becomes_nobody_and_loses_the_network():
    walls, write, connect = probe("open('/etc/modelyard', 'w')", "socket.socket().connect((b'127.0.0.1', 1))")
    assert "own-user" in walls
    assert walls.endswith(" 61200")
    assert write == "PermissionError"
    if "no-network" in walls:
        assert connect == "OSError"


def test_a_check_that_takes_too_long_is_ended_with_all_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(supervision.limits, "wall_s", lambda _bytes: 0.2)
    (tmp_path / "upload").write_text("a,b\n")
    found = examine_upload(tmp_path, file_name="x.csv", upload_bytes=4, options={})
    assert found.outcome == "refused"
    assert "longer than" in found.answer["issues"][0]["message"]
    assert not _checking_children()


def test_a_child_killed_from_outside_is_our_fault(tmp_path, monkeypatch):
    kill = supervision._run

    def killed(folder, wall_s):
        kill(folder, wall_s)
        return -signal.SIGKILL

    monkeypatch.setattr(supervision, "_run", killed)
    (tmp_path / "upload").write_text("a,b\n")
    with pytest.raises(ChildLost):
        examine_upload(tmp_path, file_name="x.csv", upload_bytes=4, options={})


def test_a_crash_on_the_file_is_the_files_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(supervision, "_run", lambda _folder, _wall_s: -signal.SIGSEGV)
    (tmp_path / "upload").write_text("a,b\n")
    found = examine_upload(tmp_path, file_name="x.csv", upload_bytes=4, options={})
    assert found.answer["issues"][0]["code"] == "yours:file-unreadable"


def test_the_child_dies_with_its_parent(tmp_path):
    parent = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import os, time\\n"
        "from apps.datasets.checking.confinement import confine\\n"
        "confine(parent_pid=os.getppid(), cpu_s=20, uid=0)\\nprint(os.getpid(), flush=True)\\ntime.sleep(60)'])\n"
        "child.wait()\n"
    )
    environment = {"PYTHONPATH": f"{ROOT}/platform:{ROOT}"}
    with subprocess.Popen(
        [sys.executable, "-c", parent], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        child = int(process.stdout.readline())
        process.kill()
    for _ in range(100):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child lives on")


def test_the_child_knows_no_django_and_no_secrets(tmp_path):
    heavy = "('django', 'celery', 'rest_framework', 'redis', 'psycopg')"
    loaded = f"sorted(name for name in sys.modules if name.split('.')[0] in {heavy})"
    code = f"import sys; import apps.datasets.checking.child; print({loaded})"
    environment = {"PYTHONPATH": f"{ROOT}/platform:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _checking_children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if _is_checking(child)]


def _is_checking(process: psutil.Process) -> bool:
    """An ended process that nobody has waited for yet (another test's) has no command line any more."""
    try:
        return "apps.datasets.checking.child" in " ".join(process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return False
