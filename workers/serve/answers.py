"""Answers kept on this node's disk for a day: for repeated Idempotency-Keys and for results fetched later.

<data>/answers/<2 hex digits>/<sha256 of the place>   one line of JSON about the answer, then its body

Whoever works on an answer holds a lock on its file. The kernel drops the lock when a process dies, so processes that
share a node never wait for a dead one, and a restart finds what was written before.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import orjson

from workers.serve.detached import Answer
from workers.serve.problems import Refused

log = logging.getLogger(__name__)

KEEP_S = 24 * 3600.0
MOST_BYTES = 1024**3  # of all answers together; beyond it the oldest go first
MOST_ANSWER_BYTES = 4 * 1024 * 1024  # a larger answer is not kept
_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Record:
    """What a file holds. `answer` is None while somebody works on it, or when its process died before the end."""

    fingerprint: str
    answer: Answer | None


class Claim:
    """The right to answer for a place. End it with `keep` or `drop`."""

    def __init__(self, descriptor: int, path: Path, fingerprint: str) -> None:
        self._descriptor, self._path, self._fingerprint = descriptor, path, fingerprint

    def keep(self, answer: Answer) -> None:
        """Write the answer; without room for it, forget the claim: the next request answers anew."""
        if len(answer.body) > MOST_ANSWER_BYTES:
            self.drop()
            return
        try:
            _write(self._descriptor, _encode(self._fingerprint, answer))
        except OSError as error:
            log.warning("an answer could not be kept: %s", error)
            self.drop()
            return
        os.close(self._descriptor)

    def drop(self) -> None:
        """Nothing is remembered."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a claim could not be removed: %s", error)
        finally:
            os.close(self._descriptor)


class AnswerStore:
    """Blocking; used from threads. Any number of processes may share the folder."""

    def __init__(self, folder: Path, *, keep_s: float = KEEP_S, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._keep_s = keep_s
        self._most_bytes = most_bytes

    def claim(self, place: str, fingerprint: str) -> Claim | Answer:
        """Return the kept answer, or the right to make it. Raises Refused (in flight, other request) and OSError."""
        path = self._path(place)
        descriptor, is_mine = _open_locked(path)
        try:
            record = _read(descriptor, self._keep_s)
            if not is_mine and (record is None or record.answer is None):
                if record is not None and record.fingerprint != fingerprint:
                    raise Refused("yours:idempotency-reuse")
                raise Refused("yours:idempotency-in-flight", retry_after_s=1)
            if record is not None and record.answer is not None:
                if record.fingerprint != fingerprint:
                    raise Refused("yours:idempotency-reuse")
                os.close(descriptor)
                return record.answer
            _write(descriptor, _encode(fingerprint, None))
        except BaseException:
            os.close(descriptor)
            raise
        return Claim(descriptor, path, fingerprint)

    def look(self, place: str) -> Answer | None:
        """Return the answer, or None while it is being made. Raises Refused when there is none, or none any more."""
        path = self._path(place)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Refused("yours:not-found", "No such result; results are kept for 24 hours.") from None
        try:
            record = _read(descriptor, self._keep_s)
            if record is not None and record.answer is not None:
                return record.answer
            if not _lock(descriptor):
                return None
            record = _read(descriptor, self._keep_s)  # it may have been finished before the lock was free
            if record is not None and record.answer is not None:
                return record.answer
        finally:
            os.close(descriptor)
        raise Refused("ours:internal", "The server ended before the result was there, and nothing was charged.")

    def sweep(self) -> int:
        """Remove what is too old, and the oldest beyond the bound on bytes. Returns how many files went."""
        now_s, held_bytes, gone = time.time(), 0, 0
        for changed_s, size, path in sorted(self._files(), reverse=True):
            held_bytes += size
            if changed_s < now_s - self._keep_s or held_bytes > self._most_bytes:
                gone += _remove(path)
        return gone

    def _path(self, place: str) -> Path:
        digest = sha256(place.encode()).hexdigest()
        return self._folder / digest[:2] / digest

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._folder.glob("??/*"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process removed it
                continue
            yield status.st_mtime, status.st_size, path


def _open_locked(path: Path) -> tuple[int, bool]:
    """Open or create the file; the flag says whether the lock is ours."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            continue
        if not _lock(descriptor):
            return descriptor, False
        if os.fstat(descriptor).st_nlink:
            return descriptor, True
        os.close(descriptor)  # it was removed between opening and locking: make a new one


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(path: Path) -> int:
    """Remove a file that nobody works on."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        if not _lock(descriptor):
            return 0
        path.unlink(missing_ok=True)
        return 1
    finally:
        os.close(descriptor)


def _encode(fingerprint: str, answer: Answer | None) -> bytes:
    head: dict[str, object] = {"fingerprint": fingerprint}
    if answer is None:
        return orjson.dumps(head) + b"\n"
    head |= {
        "status": answer.status,
        "headers": answer.headers.decode("latin-1"),
        "content_type": answer.content_type.decode("latin-1"),
        "crc32": crc32(answer.body),
    }
    return orjson.dumps(head) + b"\n" + answer.body


def _write(descriptor: int, data: bytes) -> None:
    os.ftruncate(descriptor, 0)
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], written)


def _read(descriptor: int, keep_s: float) -> Record | None:
    """What stands in the file; None when it is empty, half-written or too old."""
    if os.fstat(descriptor).st_mtime < time.time() - keep_s:
        return None
    data = os.pread(descriptor, MOST_ANSWER_BYTES + _HEAD_BYTES, 0)
    line, _, body = data.partition(b"\n")
    try:
        head = orjson.loads(line)
        if "status" not in head:
            return Record(head["fingerprint"], None)
        if crc32(body) != head["crc32"]:
            return None
        headers, content_type = head["headers"].encode("latin-1"), head["content_type"].encode("latin-1")
        return Record(head["fingerprint"], Answer(head["status"], headers, body, content_type))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
