"""What a server's processes have used: processor seconds and memory, summed over the whole tree."""

import contextlib
from collections.abc import Iterable, Iterator

import psutil


def tree(pids: Iterable[int]) -> Iterator[psutil.Process]:
    """The processes and everything they have started."""
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(pid)
            yield parent
            yield from parent.children(recursive=True)


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time so far, of the living and of the children they have buried."""
    total = 0.0
    for one in tree(pids):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def pss_mb(pids: Iterable[int]) -> float:
    """Proportional set size: shared pages are divided among those who share them."""
    total = 0
    for one in tree(pids):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += one.memory_full_info().pss
    return total / 2**20


def processes(pids: Iterable[int]) -> int:
    return sum(1 for _ in tree(pids))
