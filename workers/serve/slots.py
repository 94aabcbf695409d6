"""The journal folders of this node's processes: one lock each, and the journals of earlier starts shipped first."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import time
from concurrent.futures import Executor
from pathlib import Path

from contracts.usage import LeaseClose
from workers.serve.control import Control, ControlAway, ControlRefused
from workers.serve.settings import Settings
from workers.serve.ship import replay

log = logging.getLogger(__name__)

RETRY_S = 1.0


class SlotTaken(Exception):
    """Another process works on this journal folder."""


class SlotLock:
    """flock on one slot's folder: fences off a process that was believed dead. Ends with the process."""

    def __init__(self, folder: Path, wait_s: float = 0.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline_s = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline_s:
                    os.close(self._file)
                    raise SlotTaken(f"{folder} is in use by another serve process") from None
                time.sleep(0.1)

    def release(self) -> None:
        os.close(self._file)

    def boots(self, but: str) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_dir() and path.name != but)


async def replay_forever(lock: SlotLock, boot: str, control: Control, settings: Settings, errands: Executor) -> None:
    """Until it is done: ship what earlier starts left in this slot, and in slots that nobody has any more."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            await loop.run_in_executor(errands, _replay_all, lock, boot, control, settings)
            return
        except (ControlAway, ControlRefused, OSError) as error:
            log.warning("an earlier journal cannot be shipped yet: %s", error)
            await asyncio.sleep(RETRY_S)


def _replay_all(lock: SlotLock, boot: str, control: Control, settings: Settings) -> None:
    _replay_slot(lock, boot, control)
    if settings.slot == 0:
        for folder in sorted(lock.folder.parent.iterdir()):
            if folder.is_dir() and folder.name.isdigit() and int(folder.name) >= settings.processes:
                _adopt(folder, control)
    if settings.processes == 1:
        # Alone on this node: also the leases whose grant an earlier start never got to note.
        control.close_leases(LeaseClose(boot=boot, close_other_boots=True))


def _replay_slot(lock: SlotLock, boot: str, control: Control) -> None:
    for folder in lock.boots(but=boot):
        replay(control, folder)
        if any(folder.glob("*.damaged")):
            folder.rename(lock.folder.parent / f"damaged-{folder.name}")
        else:
            shutil.rmtree(folder)
        log.info("journal of boot %s is shipped", folder.name)


def _adopt(folder: Path, control: Control) -> None:
    """A slot from a time with more processes."""
    try:
        lock = SlotLock(folder)
    except SlotTaken:
        return
    try:
        _replay_slot(lock, "", control)
    finally:
        lock.release()
