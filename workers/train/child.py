"""`python -m workers.train.child JOBDIR`: the process that trains, without token, network address or parent to outlive.

Exit status: 0 finished · 3 a failure with a code, told in failure.json · 137 out of memory · anything else: crashed.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

EXIT_FAILED = 3
EXIT_OUT_OF_MEMORY = 137
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the supervisor's thread dies; leave at once if it died before we asked.

    Done here and not in a preexec_fn: running Python between fork and exec can deadlock in a process with threads.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def limit_memory(limit_bytes: int) -> None:
    """Limit the address space, so that a too large table fails here and not the machine. 0: no limit."""
    if limit_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(folder: Path) -> int:
    terms = json.loads((folder / "terms.json").read_text())
    die_with_parent(terms["parent"])
    limit_memory(terms["memory_bytes"])
    os.nice(1)  # the supervisor's heartbeats come first; no more, since the run pays for wall seconds
    # Imported only now: the limits above must hold before two gigabytes of libraries are mapped.
    from workers.train.failures import OurFailure, UserFailure  # noqa: PLC0415
    from workers.train.run import run  # noqa: PLC0415

    try:
        run(folder, terms["threads"])
    except (UserFailure, OurFailure) as failure:
        (folder / "failure.json").write_text(json.dumps({"code": failure.code, "detail": failure.detail}))
        return EXIT_FAILED
    except MemoryError:
        return EXIT_OUT_OF_MEMORY
    except RuntimeError as error:
        if "not enough memory" in str(error) or "out of memory" in str(error).lower():  # torch's own words
            return EXIT_OUT_OF_MEMORY
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
