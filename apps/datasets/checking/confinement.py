"""Locks the process in before it looks at a stranger's bytes: limits, no new privileges, no network, another user."""

import ctypes
import os
import resource
import signal

from apps.datasets.checking import limits

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000


def confine(*, parent_pid: int, cpu_s: int, uid: int) -> list[str]:
    """Apply every wall this machine offers and return the names of those that stand."""
    libc = ctypes.CDLL(None, use_errno=True)
    walls = ["limits"]
    if libc.unshare(_CLONE_NEWNET) == 0 or (os.getuid() != 0 and libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0):
        walls.append("no-network")
    if os.getuid() == 0 and uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        walls.append("own-user")
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        walls.append("no-new-privileges")
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0:  # after setuid, which clears it
        walls.append("dies-with-parent")
    if os.getppid() != parent_pid:  # the parent died before we asked to be told
        os._exit(1)
    _limit(cpu_s)
    return walls


def _limit(cpu_s: int) -> None:
    for what, amount in (
        (resource.RLIMIT_AS, limits.CHILD_MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, limits.CHILD_FILE_BYTES),
        (resource.RLIMIT_NOFILE, limits.CHILD_OPEN_FILES),
        (resource.RLIMIT_NPROC, limits.CHILD_PROCESSES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        allowed = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        grace = 5 if what == resource.RLIMIT_CPU else 0  # SIGXCPU first, so that the parent can tell why
        resource.setrlimit(what, (allowed, allowed + grace if hard == resource.RLIM_INFINITY else allowed))
