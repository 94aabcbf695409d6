"""A file on its way up: read in pieces, counted, and with the SHA-256 that the platform compares."""

import hashlib
import io
from pathlib import Path
from typing import IO

from modelyard_client.transport import Progress

_PIECE_BYTES = 1 << 20


class CountedFile(io.RawIOBase):
    """A binary file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], size_bytes: int, progress: Progress | None) -> None:
        self._file, self._size_bytes, self._progress = file, size_bytes, progress

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        if self._progress is not None:
            self._progress(self._file.tell(), self._size_bytes)
        return piece

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


class Upload:
    """A path, or bytes with a name. `fresh` opens it from its beginning, as often as it has to be sent."""

    def __init__(self, source: Path | str | bytes, name: str = "", progress: Progress | None = None) -> None:
        self._source = source if isinstance(source, bytes) else Path(source)
        self.name = name or (self._source.name if isinstance(self._source, Path) else "data.csv")
        self._progress = progress
        self.size_bytes = len(source) if isinstance(source, bytes) else Path(source).stat().st_size

    def fresh(self) -> tuple[str, CountedFile]:
        """Return (name, file) as httpx wants a part of a form."""
        return self.name, CountedFile(self._open(), self.size_bytes, self._progress)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        with self._open() as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
        return digest.hexdigest()

    def _open(self) -> IO[bytes]:
        return io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source.open("rb")
