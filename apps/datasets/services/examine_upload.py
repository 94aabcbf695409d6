"""Run the confined child on a file in a private folder, watch its time, and tell whose fault it is when it dies."""

import contextlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.datasets.checking import limits

log = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parents[3]
_FIRST_UID, _UIDS = 61_184, 4_096  # users nobody has; each check gets one of its own when we are root
_FILE_FAULTS = {  # signals that the file's content brings about
    signal.SIGXCPU: "needs more computing time than allowed",
    signal.SIGXFSZ: "unpacks to more data than allowed",
    signal.SIGSEGV: "crashes the program that reads it",
    signal.SIGABRT: "needs more memory than allowed",
    signal.SIGBUS: "crashes the program that reads it",
    signal.SIGILL: "crashes the program that reads it",
    signal.SIGFPE: "crashes the program that reads it",
}


class ChildLost(Exception):
    """The child ended for a reason of ours: killed from outside, out of machine, or a bug."""


@dataclass(frozen=True)
class Examined:
    """What the child answered; `canonical` lies in the folder when the outcome is "ready"."""

    outcome: str  # "ready" | "refused"
    answer: dict[str, Any]
    canonical: Path | None = None
    walls: list[str] = field(default_factory=list)


def examine_upload(folder: Path, *, file_name: str, upload_bytes: int, options: dict[str, Any]) -> Examined:
    """The file is `folder/upload`. Raises ChildLost; anything wrong with the file is an answer "refused"."""
    wall_s = limits.wall_s(upload_bytes)
    uid = _FIRST_UID + random.randrange(_UIDS) if os.getuid() == 0 else 0
    request = {"file_name": file_name, "options": options, "cpu_s": int(wall_s), "uid": uid}
    (folder / "request.json").write_text(json.dumps(request), "utf-8")
    _hand_over(folder, uid)
    code = _run(folder, wall_s)
    if code is None:
        return _refused(f"Reading the file took longer than {wall_s:.0f} seconds.")
    if code < 0 and signal.Signals(-code) in _FILE_FAULTS:
        return _refused(f"The file {_FILE_FAULTS[signal.Signals(-code)]}.")
    if code != 0:
        log.error("a checking child ended with %s: %s", code, _last_words(folder))
        raise ChildLost(f"exit {code}")
    return _answer(folder)


def _hand_over(folder: Path, uid: int) -> None:
    folder.chmod(0o700)
    if uid:
        for path in (folder, *folder.iterdir()):
            os.chown(path, uid, uid)


def child_environment(folder: Path) -> dict[str, str]:
    """All that the child learns of our environment."""
    return {
        "PYTHONPATH": os.pathsep.join([str(_ROOT / "platform"), str(_ROOT)]),
        "PYTHONHASHSEED": "0",  # estimates of distinct values must not differ between two checks
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "2",  # arenas reserve address space, which is limited
    }


def _run(folder: Path, wall_s: float) -> int | None:
    """Return the exit code, or None when the time was up. No process of the child's group survives."""
    command = [sys.executable, "-s", "-P", "-m", "apps.datasets.checking.child", str(os.getpid())]
    with (folder / "stderr").open("wb") as errors:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=child_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
    try:
        return child.wait(wall_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _kill_group(child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _answer(folder: Path) -> Examined:
    """The child has read a stranger's bytes: its answer is checked like any input."""
    path = folder / "result.json"
    try:
        if path.is_symlink() or path.stat().st_size > limits.RESULT_BYTES:
            return _refused("The description of the data is too large; use fewer or shorter columns.")
        answer = json.loads(path.read_bytes())
        outcome = answer["outcome"]
        if outcome == "refused":
            return Examined("refused", {"issues": list(answer["issues"])}, walls=answer.get("walls", []))
        canonical = folder / Path(answer["canonical"]).name
        if outcome != "ready" or canonical.is_symlink() or not canonical.is_file():
            raise ChildLost("the answer makes no sense")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ChildLost(f"no readable answer: {error}") from error
    return Examined("ready", answer, canonical, answer.get("walls", []))


def _refused(message: str) -> Examined:
    fix = "Open it with the program that wrote it, save it again and upload that."
    issue = {"code": "yours:file-unreadable", "severity": "error", "message": message, "location": "", "fix": fix}
    return Examined("refused", {"issues": [issue]})


def _last_words(folder: Path) -> str:
    raw = (folder / "stderr").read_bytes() if (folder / "stderr").exists() else b""
    return raw[-2000:].decode("utf-8", "replace")
