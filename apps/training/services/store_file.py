"""Take in a file of a run: stream it to storage, check its hash, name it in a row that the fence guards."""

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from functools import partial
from typing import Any, Protocol

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from apps.training import rules
from apps.training.models import Attempt, RunFile
from apps.training.services.hold_fence import hold_fence
from contracts.jobs import StoredFile
from contracts.problems import Problem

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 256 * 1024


class Readable(Protocol):
    """What is asked of a body: a request is one, an open file too."""

    def read(self, size: int, /) -> bytes: ...


def store_file(attempt: Attempt, *, fence: int, name: str, sha256: str, body: Readable) -> StoredFile:
    """Store a file under runs/<id>/<fence>/. Putting a name again replaces it; a stale fence leaves nothing behind."""
    if not _NAME.fullmatch(name):
        raise Problem("yours:invalid", "A file name has letters, digits, dot, dash, underscore; at most 80.")
    if not _SHA256.fullmatch(sha256):
        raise Problem("yours:invalid", "The header X-Content-Sha256 must hold the file's SHA-256 in lower-case hex.")
    with transaction.atomic():
        hold_fence(attempt, fence)  # refuse before the bytes travel; asked again when they are there
    stream = HashedStream(body)
    # A name of its own for each arrival: a repeated or late one never touches bytes that a row already names.
    key = f"runs/{attempt.run_id}/{fence}/{secrets.token_hex(6)}-{name}"
    try:
        key = default_storage.save(key, stream)
        _settle(key)
        if stream.sha256 != sha256:
            raise Problem("yours:checksum-mismatch", f"The bytes of {name} have the SHA-256 {stream.sha256}.")
        _name_it(attempt, fence, RunFile(name=name, storage_key=key, sha256=sha256, size_bytes=stream.size_bytes))
    except BaseException:
        default_storage.delete(key)
        raise
    return StoredFile(name=name, sha256=sha256, size_bytes=stream.size_bytes)


@transaction.atomic
def _name_it(attempt: Attempt, fence: int, file: RunFile) -> None:
    run = hold_fence(attempt, fence)
    files = RunFile.objects.filter(run=run, fence=fence)
    old = files.filter(name=file.name).first()
    if old is not None and old.storage_key != run.checkpoint_key:  # a resumed run still needs its checkpoint
        transaction.on_commit(partial(default_storage.delete, old.storage_key), robust=True)
    if old is None and files.count() >= rules.FILES_PER_ATTEMPT_MAX:
        raise Problem("yours:limit-reached", f"At most {rules.FILES_PER_ATTEMPT_MAX} files per attempt.")
    RunFile.objects.update_or_create(
        run=run,
        fence=fence,
        name=file.name,
        defaults={"storage_key": file.storage_key, "sha256": file.sha256, "size_bytes": file.size_bytes},
    )


class HashedStream(File):
    """The request body as a file: hashed and counted while it is read once, refused when it grows too large."""

    def __init__(self, body: Readable) -> None:
        super().__init__(None, name="body")
        self._body = body
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        chunk = self._body.read(size if size and size > 0 else _CHUNK_BYTES)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)
        if self.size_bytes > rules.FILE_BYTES_MAX:
            raise Problem("yours:too-large", f"A file of a run has at most {rules.FILE_BYTES_MAX} bytes.")
        return chunk

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        while chunk := self.read(chunk_size or _CHUNK_BYTES):
            yield chunk

    def seek(self, *args: Any) -> int:
        if self.size_bytes:
            raise OSError("a request body is read once")
        return 0

    def seekable(self) -> bool:
        return False


def _settle(key: str) -> None:
    """On a folder: force bytes and name to disk before a row names them. Object stores do so by themselves."""
    with contextlib.suppress(NotImplementedError):
        path = default_storage.path(key)
        for target in (path, os.path.dirname(path)):
            handle = os.open(target, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
