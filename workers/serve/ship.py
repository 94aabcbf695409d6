"""Carries the journal to control: posts what is durable, moves a cursor, and posts again after any doubt.

Posting twice does no harm: control knows each record by its id and each post by segment and offset.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import orjson

from contracts.usage import LeaseClose
from workers.serve.control import Control, ControlAway, ControlRefused
from workers.serve.journal import Journal, Position, segment_path

log = logging.getLogger(__name__)

IDLE_S = 0.1  # a record waits at most this long before it is posted
POST_BYTES = 512 * 1024
BACKOFF_MOST_S = 2.0


class BootJournal:
    """The journal folder of one boot, as the shipper reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boot = folder.name
        self.cursor = self._read_cursor()

    def segments(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob("*.wal"))

    def leases(self) -> list[str]:
        try:
            return (self.folder / "leases").read_text().split()
        except FileNotFoundError:
            return []

    def move_cursor(self, cursor: Position) -> None:
        self.cursor = cursor
        scratch = self.folder / "cursor.new"
        scratch.write_bytes(orjson.dumps([cursor.segment, cursor.offset]))
        os.replace(scratch, self.folder / "cursor")  # a lost move only means posting again

    def _read_cursor(self) -> Position:
        try:
            segment, offset = orjson.loads((self.folder / "cursor").read_bytes())
            return Position(int(segment), int(offset))
        except (FileNotFoundError, ValueError, TypeError):
            return Position(1, 0)


def read_lines(path: Path, start: int) -> Iterator[tuple[bytes, int]]:
    """Yield (JSON, offset after its line) from `start`; stop at the first line that is torn or damaged."""
    with path.open("rb") as file:
        file.seek(start)
        offset = start
        for line in file:
            offset += len(line)
            payload = line[9:-1]
            if not line.endswith(b"\n") or line[:8] != b"%08x" % crc32(payload):
                log.warning("%s: the journal ends in a torn line at %d", path, offset - len(line))
                return
            yield payload, offset


def written_lines(path: Path, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Like `read_lines`, for a part that this very process wrote and synced: there is no doubt about its lines."""
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(end - start)
    offset = start
    for line in data.splitlines(keepends=True):
        offset += len(line)
        yield line[9:-1], offset


def ship_segment(control: Control, journal: BootJournal, number: int, start: int, end: int | None) -> int:
    """Post one segment from `start`; return the offset reached. Raises ControlAway or ControlRefused."""
    path = segment_path(journal.folder, number)
    reached, records, held = start, [], 0
    for payload, offset in read_lines(path, start) if end is None else written_lines(path, start, end):
        records.append(payload)
        held += len(payload)
        if held >= POST_BYTES:
            _post(control, journal, number, reached, offset, records)
            reached, records, held = offset, [], 0
        last = offset
    if records:
        _post(control, journal, number, reached, last, records)
        reached = last
    return reached


def _post(control: Control, journal: BootJournal, number: int, start: int, end: int, records: list[bytes]) -> None:
    segment = f"{journal.boot}/{number:08d}"
    head = orjson.dumps({"boot": journal.boot, "segment": segment, "offset_from": start, "offset_to": end})
    control.usage(head[:-1] + b',"records":[' + b",".join(records) + b"]}")
    journal.move_cursor(Position(number, end))


def _put_away(path: Path, reached: int) -> None:
    """A segment that is shipped whole goes; one with a damaged line stays for a person to look at."""
    if path.stat().st_size == reached:
        path.unlink()
    else:
        log.error("%s is damaged after %d bytes; it is kept", path, reached)
        path.rename(path.with_suffix(".damaged"))


class Shipper:
    """A thread that follows this boot's journal."""

    def __init__(self, control: Control, journal: Journal) -> None:
        self.shipped = Position(1, 0)
        self.failures = 0
        self._control = control
        self._journal = journal
        self._reader = BootJournal(journal.folder)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="shipper", daemon=True)
        self._thread.start()

    def finish(self, timeout_s: float) -> bool:
        """Ship what is left and stop. False: control did not take it all; the next boot will ship it."""
        deadline_s = time.monotonic() + timeout_s
        while self.shipped < self._journal.durable and time.monotonic() < deadline_s:
            self._journal.grown.set()
            time.sleep(0.01)
        self._stopping.set()
        self._journal.grown.set()
        self._thread.join(timeout=5.0)
        return self.shipped >= self._journal.durable

    def _follow(self) -> None:
        backoff_s = IDLE_S
        while not self._stopping.is_set():
            self._journal.grown.wait(timeout=1.0)
            if self._stopping.is_set():
                return
            self._journal.grown.clear()
            try:
                self._ship_durable()
                backoff_s = IDLE_S
            except (ControlAway, ControlRefused, OSError) as error:
                self.failures += 1
                self.shipped = max(self.shipped, self._reader.cursor)
                log.warning("usage is not shipped: %s", error)
                backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)
                self._journal.grown.set()
            self._stopping.wait(backoff_s)

    def _ship_durable(self) -> None:
        durable = self._journal.durable
        while self.shipped < durable:
            at = self.shipped
            is_last = at.segment == durable.segment
            end = durable.offset if is_last else None
            reached = ship_segment(self._control, self._reader, at.segment, at.offset, end)
            if is_last:
                self.shipped = Position(at.segment, reached)
                return
            _put_away(segment_path(self._journal.folder, at.segment), reached)
            self.shipped = Position(at.segment + 1, 0)
            self._reader.move_cursor(self.shipped)


def replay(control: Control, folder: Path) -> None:
    """Ship what an earlier boot left, then close the leases it had noted. Blocks; raises when control is away."""
    journal = BootJournal(folder)
    for number in journal.segments():
        if number < journal.cursor.segment:
            continue
        start = journal.cursor.offset if number == journal.cursor.segment else 0
        ship_segment(control, journal, number, start, None)
    leases = journal.leases()
    if leases:
        control.close_leases(LeaseClose(boot=journal.boot, leases=leases))
