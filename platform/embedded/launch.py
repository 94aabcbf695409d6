"""Turns into another program that dies with its parent: `python launch.py PARENT SIGNAL UID GID -- program …`.

A process of its own instead of `preexec_fn`, which is unsafe in a parent with threads. The order matters: changing
the user clears the death signal, so it is set after; a parent that died before it was set is noticed by its id.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, death_signal: int) -> None:
    """Ask the kernel to send `death_signal` to this process when the thread that started it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")


def main(arguments: list[str]) -> None:
    """Lead a process group of our own, drop the user, bind our life to the parent's, and become the program."""
    parent, death_signal, uid, gid = (int(number) for number in arguments[:4])
    program = arguments[5:]
    os.setsid()
    if os.getuid() == 0 and uid != 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.umask(0o077)
    die_with_parent(parent, death_signal)
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
