"""The write-ahead journal of usage: a line is on the disk (one fdatasync for all that wait) before its answer leaves.

<data>/journal/<slot>/<boot>/<number>.wal    lines: crc32 of the JSON (8 hex digits), a space, the JSON of a UsageRecord
<data>/journal/<slot>/<boot>/leases          ids of the leases this boot was granted, one per line
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

log = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
PROBE_S = 0.5
PROBE_BYTES = 64 * 1024
INLINE_MOST_S = 0.0015  # a disk that syncs faster than this is waited for; handing over to a thread would cost more
FEW = 4  # lines: with more, and other processes that sync on the same disk, waiting costs more than handing over
SMOOTH = 0.1  # weight of the newest sync in the running mean


@dataclass(frozen=True, order=True)
class Position:
    """A place in a boot's journal; positions compare in the order of writing."""

    segment: int
    offset: int


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.wal"


def frame(payload: bytes) -> bytes:
    return b"%08x %b\n" % (crc32(payload), payload)


class Journal:
    """`append` from the event loop; `done(ok, calls)` is called there, at once or later.

    On a quick disk the loop itself writes and syncs: handing over would take longer. On a slow one, or when several
    processes make it slow for one another and many lines wait, a thread does; what comes meanwhile is the next group.
    """

    def __init__(
        self, folder: Path, call_soon_threadsafe: Callable[..., Any], *, sync: bool = True, alone: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.healthy = True
        self.durable = Position(1, 0)  # everything before it is on the disk
        self.grown = threading.Event()  # the shipper sleeps on it
        self._sync = sync
        self._alone = alone
        self._call_soon_threadsafe = call_soon_threadsafe
        self._queue: queue.SimpleQueue[tuple[list[bytes], Callable[..., None], Any] | None] = queue.SimpleQueue()
        self._handed_over = 0  # entries that the thread has and did not report yet
        self._sync_s = 0.0  # running mean
        self._segment = 1
        self._offset = 0
        self._file = self._open()
        self._thread = threading.Thread(target=self._write_forever, name="journal", daemon=True)
        self._thread.start()

    def append(self, lines: list[bytes], done: Callable[[bool, Any], None], calls: Any) -> None:
        is_quick = self._sync_s < INLINE_MOST_S and (self._alone or len(lines) <= FEW)
        if is_quick and self._handed_over == 0 and self.healthy:
            ok = self._commit(lines)
            if not ok:
                self._hand_over([], _nothing, ())  # wakes the thread, which looks when the disk is well again
            done(ok, calls)
        else:
            self._hand_over(lines, done, calls)

    def _hand_over(self, lines: list[bytes], done: Callable[[bool, Any], None], calls: Any) -> None:
        self._handed_over += 1
        self._queue.put((lines, done, calls))

    def note_lease(self, lease_id: str) -> None:
        """So that the next boot can close it. Not synced: control's expiry covers what a power cut forgets."""
        with (self.folder / "leases").open("a") as file:
            file.write(f"{lease_id}\n")

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()
        os.close(self._file)

    def _open(self) -> int:
        path = segment_path(self.folder, self._segment)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _write_forever(self) -> None:
        while True:
            if self.healthy:
                first = self._queue.get()
            else:
                first = self._wait_unhealthy()
                if first is False:
                    continue
            if first is None:
                return
            entries = [first]
            while True:
                try:
                    entry = self._queue.get_nowait()
                except queue.Empty:
                    break
                if entry is None:
                    self._queue.put(None)
                    break
                entries.append(entry)
            ok = self.healthy and self._commit([line for lines, _, _ in entries for line in lines])
            self._call_soon_threadsafe(self._report, ok, entries)

    def _wait_unhealthy(self) -> Any:
        """The disk failed: look every half second whether it takes data again."""
        try:
            return self._queue.get(timeout=PROBE_S)
        except queue.Empty:
            self._probe()
            return False

    def _commit(self, lines: list[bytes]) -> bool:
        data = b"".join(lines)
        started_s = time.monotonic()
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:] if written else data)
            if self._sync:
                os.fdatasync(self._file)
        except OSError as error:
            log.error("the journal cannot be written: %s", error)
            self._undo()
            return False
        self._sync_s += SMOOTH * (time.monotonic() - started_s - self._sync_s)
        self._offset += len(data)
        self.durable = Position(self._segment, self._offset)
        if not self.grown.is_set():
            self.grown.set()
        if self._offset >= SEGMENT_BYTES:
            self._rotate()
        return True

    def _undo(self) -> None:
        """Nobody gets an answer for these lines, so they must not be billed either: cut them off again."""
        self.healthy = False
        try:
            os.ftruncate(self._file, self._offset)
            os.fdatasync(self._file)
        except OSError as error:
            log.error("the journal's broken tail could not be cut off: %s", error)

    def _probe(self) -> None:
        """Try to write more than a block's spare bytes, then take it back."""
        try:
            os.ftruncate(self._file, self._offset)
            os.write(self._file, b" " * PROBE_BYTES)
            os.fdatasync(self._file)
            os.ftruncate(self._file, self._offset)
            os.fdatasync(self._file)
        except OSError:
            try:
                os.ftruncate(self._file, self._offset)
            except OSError:
                log.warning("the journal is still not writable")
            return
        log.warning("the journal can be written again")
        self.healthy = True

    def _rotate(self) -> None:
        try:
            self._segment += 1
            fresh = self._open()
        except OSError as error:
            self._segment -= 1
            log.error("no new journal segment: %s", error)
            return  # go on in the full one
        os.close(self._file)
        self._file, self._offset = fresh, 0
        self.durable = Position(self._segment, 0)

    def _report(self, ok: bool, entries: list[tuple[list[bytes], Callable[..., None], Any]]) -> None:
        self._handed_over -= len(entries)
        for _, done, calls in entries:
            done(ok, calls)


def _nothing(ok: bool, calls: Any) -> None:
    """Nobody waits for this entry."""


def new_boot() -> str:
    """A name for this start of a process; sorts by time."""
    return f"{time.time_ns() // 1000:x}-{os.getpid()}"
