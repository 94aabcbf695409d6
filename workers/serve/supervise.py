"""Several serving processes on one port: started, restarted when they die, drained together."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
RESTART_S = 0.5


def die_with_parent() -> None:
    """Children drain when the supervisor is killed."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def supervise(processes: int) -> int:
    """Keep `processes` children running until SIGTERM or SIGINT."""
    stopping = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    children = {slot: _start(slot) for slot in range(processes)}
    while not stopping:
        for slot, child in children.items():
            if child.poll() is not None:
                log.error("process %d ended with %s; starting it again", slot, child.returncode)
                time.sleep(RESTART_S)
                if not stopping:
                    children[slot] = _start(slot)
        time.sleep(0.2)
    for child in children.values():
        if child.poll() is None:
            child.terminate()
    return max(abs(child.wait()) for child in children.values())


def _start(slot: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "SERVE_SLOT": str(slot), "SERVE_CHILD": "1"}
    return subprocess.Popen([sys.executable, "-m", "workers.serve"], env=environment)
