"""One log file per child, written by a reader thread that also hands each line on."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

_ROTATE_BYTES = 20_000_000  # then the file is moved to `.1`, so a data folder never fills with logs
_TAIL_LINES = 25


class LogFile:
    """Appends a child's output to a file and remembers the last lines for error messages."""

    def __init__(self, path: Path, heard: Callable[[str], None]) -> None:
        self.path = path
        self._heard = heard
        self._file = path.open("ab", buffering=0)
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._lock = threading.Lock()
        self._readers: list[threading.Thread] = []

    def follow(self, stream: IO[bytes]) -> None:
        """Read a child's output to its end in a thread of its own."""
        self._readers = [reader for reader in self._readers if reader.is_alive()]
        reader = threading.Thread(target=self._read, args=(stream,), daemon=True, name=f"log {self.path.stem}")
        self._readers.append(reader)
        reader.start()

    def tail(self) -> str:
        """The last lines a child wrote, indented."""
        for reader in self._readers:
            reader.join(timeout=0.5)  # a child that just ended may still have lines in its pipe
        return "\n".join(f"    {line}" for line in self._tail)

    def close(self) -> None:
        """Wait briefly for the last lines, then close the file."""
        for reader in self._readers:
            reader.join(timeout=1.0)
        with self._lock, contextlib.suppress(OSError):
            self._file.close()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._write(line)
                text = line.decode(errors="replace").rstrip()
                self._tail.append(text)
                self._heard(text)

    def _write(self, line: bytes) -> None:
        with self._lock, contextlib.suppress(ValueError, OSError):  # closed at the very end, or a full disk
            if self._file.tell() > _ROTATE_BYTES:
                self._file.close()
                self.path.replace(self.path.with_suffix(".log.1"))
                self._file = self.path.open("ab", buffering=0)
            self._file.write(line)
