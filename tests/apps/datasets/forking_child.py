"""The checking child with its imports behind it: forks for every file it is told of. Run by warm_child.py.

It imports as little as it can beyond the child itself: what a fork finds loaded must be what `checking.preload` loads.
"""

import contextlib
import json
import os
import select
import signal
import sys
from typing import NoReturn

from apps.datasets.checking import child
from apps.datasets.checking.preload import warm


def serve() -> None:
    """Answer each line {folder, wall_s, environment} with [exit code or null, seconds of computing]."""
    warm()
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _check(asked["folder"], asked["environment"])
        print(json.dumps(_waited(pid, asked["wall_s"])), flush=True)


def _check(folder: str, environment: dict[str, str]) -> NoReturn:
    """What `python -m apps.datasets.checking.child` does in a process of its own, from here on."""
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        errors = os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for mine, standard in ((nothing, 0), (errors, 1), (errors, 2)):
            os.dup2(mine, standard)
        sys.argv = ["child", str(os.getppid())]
        child.main()
        code = 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    os._exit(code)


def _waited(pid: int, wall_s: float) -> tuple[int | None, float]:
    """No process of the child's group survives."""
    handle = os.pidfd_open(pid)
    try:
        is_over = bool(select.select([handle], [], [], wall_s)[0])
    finally:
        os.close(handle)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _, status, used = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status) if is_over else None, used.ru_utime + used.ru_stime


if __name__ == "__main__":
    serve()
