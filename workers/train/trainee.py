"""Starts the training child, reads what it writes, and ends it for good when it must end."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
MEMORY_SLACK_BYTES = 6 << 30  # address space is not memory: libraries and thread stacks map this much and touch little


def has_gpu() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*"))


def threads() -> int:
    """Cores this worker may use: TRAIN_THREADS, or all it is allowed to run on."""
    return int(os.environ.get("TRAIN_THREADS", "0")) or len(os.sched_getaffinity(0))


def memory_bytes() -> int:
    """Limit of the child's address space; 0 on GPU machines, where CUDA maps far more than it uses."""
    if has_gpu():
        return 0
    return int(os.environ.get("TRAIN_MEMORY_BYTES", "0")) or psutil.virtual_memory().total + MEMORY_SLACK_BYTES


def _environment(folder: Path) -> dict[str, str]:
    """Nearly empty: no token, no database address, no proxy; what Python, OpenMP and CUDA need."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "TZ")
        if name in os.environ
    }
    count = str(threads())
    return {
        **kept,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        # Spinning threads would eat the core that a neighbour needs; bitwise repeatable matrix products on GPUs.
        "OMP_WAIT_POLICY": "PASSIVE",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }


class Trainee:
    """One child process in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        terms = {"parent": os.getpid(), "memory_bytes": memory_bytes(), "threads": threads()}
        (folder / "terms.json").write_text(json.dumps(terms))
        (folder / "failure.json").unlink(missing_ok=True)
        self._progress_path = folder / "progress.jsonl"
        self._read_from = self._progress_path.stat().st_size if self._progress_path.exists() else 0
        self._rest = b""
        self._at_work_since: float | None = None
        self.heard_at = time.monotonic()
        with (folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers.train.child", str(folder)],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def seconds(self) -> float:
        """Seconds since its first word; until then it loads libraries, which nobody is charged for."""
        return 0.0 if self._at_work_since is None else time.monotonic() - self._at_work_since

    def exit_status(self) -> int | None:
        """None while it runs; negative: killed by that signal."""
        return self._process.poll()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(timeout=10)

    def news(self) -> list[dict[str, Any]]:
        """Lines written since the last call; half a line waits for its end."""
        try:
            with self._progress_path.open("rb") as file:
                file.seek(self._read_from)
                raw = file.read()
        except FileNotFoundError:
            return []
        if raw:
            self._read_from += len(raw)
            self.heard_at = time.monotonic()
            self._at_work_since = self._at_work_since or self.heard_at
        *lines, self._rest = (self._rest + raw).split(b"\n")
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):  # a line torn by kill -9 of an earlier child
                found.append(json.loads(line))
        return found

    def last_words(self) -> str:
        """The end of what it printed, for the operators."""
        try:
            return (self.folder / "output.txt").read_bytes()[-2000:].decode(errors="replace")
        except OSError:
            return ""


def clear_orphans(base: Path) -> None:
    """Remove job folders whose supervisor is gone (power cut, kill -9)."""
    for folder in base.glob("run_*"):
        with contextlib.suppress(OSError, ValueError):
            owner = int((folder / "owner").read_text())
            if not psutil.pid_exists(owner):
                shutil.rmtree(folder, ignore_errors=True)
