"""Receive a file as the next version of a dataset: stream it to the storage, hash it on the way, ask for its check."""

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from typing import IO, Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max

from apps.accounts.models import ApiKey, User
from apps.accounts.queries import reason_for, switch_is_on
from apps.accounts.services.pass_limit import pass_limit
from apps.accounts.services.record_audit import record_audit
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.queries import stored_bytes
from apps.datasets.rules import checked_options, clean_file_name
from apps.datasets.services.people import person_behind
from apps.outbox.services.send import send
from contracts.problems import Problem

_CHUNK_BYTES = 256 * 1024


def receive_upload(
    dataset: Dataset,
    *,
    file: IO[bytes] | File,
    file_name: str,
    uploaded_by: User | ApiKey | None,
    options: dict[str, Any] | None = None,
    expected_sha256: str = "",
) -> DatasetVersion:
    """Return the new version, or the one that already holds the same bytes read with the same options."""
    if switch_is_on("pause-uploads"):
        raise Problem(
            "ours:switched-off", reason_for("pause-uploads") or "Uploads are paused for the moment.", retry_after_s=300
        )
    wanted = checked_options(options)
    key = f"uploads/{uuid.uuid4()}"
    stream = HashingStream(file, most_bytes=settings.UPLOAD_MAX_BYTES)
    try:
        stored_key = default_storage.save(key, stream)
        _judge(stream, expected_sha256)
        version = _record(dataset, stream, stored_key, clean_file_name(file_name), wanted, uploaded_by)
    except BaseException:  # also when the connection breaks: no orphan stays behind
        default_storage.delete(key)
        raise
    if version.upload_key != stored_key:
        default_storage.delete(stored_key)
    return version


class HashingStream(File):
    """A file that is read once, front to back, counted and hashed on the way, and refused past its cap."""

    def __init__(self, source: IO[bytes] | File, *, most_bytes: int) -> None:
        super().__init__(source, name="upload")
        self._source = source
        self._most_bytes = most_bytes
        self._digest = hashlib.sha256()
        self.bytes_read = 0
        known = getattr(source, "size", None)
        if isinstance(known, int) and known > most_bytes:
            raise _too_large(most_bytes)

    def read(self, amount: int = -1) -> bytes:
        chunk: bytes = self._source.read(amount if amount >= 0 else self._most_bytes + 1)
        self.bytes_read += len(chunk)
        if self.bytes_read > self._most_bytes:
            raise _too_large(self._most_bytes)
        self._digest.update(chunk)
        return chunk

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        while chunk := self.read(chunk_size or _CHUNK_BYTES):
            yield chunk

    def seekable(self) -> bool:
        return False  # so that S3's client reads once, front to back

    def seek(self, offset: int, whence: int = 0) -> int:
        if (offset, whence, self.bytes_read) != (0, 0, 0):
            raise OSError("an upload is read once, front to back")
        return 0

    def tell(self) -> int:
        return self.bytes_read

    def close(self) -> None:
        """The caller closes its file; the storage may not."""

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _too_large(most_bytes: int) -> Problem:
    return Problem("yours:file-too-large", f"The file has more than {most_bytes:,} bytes.")


def _judge(stream: HashingStream, expected_sha256: str) -> None:
    if stream.bytes_read == 0:
        raise Problem("yours:file-empty", "The file has no bytes.")
    if expected_sha256 and not hmac.compare_digest(expected_sha256.lower(), stream.sha256):
        raise Problem("yours:checksum-mismatch", f"The bytes that arrived have the SHA-256 {stream.sha256}.")


@transaction.atomic
def _record(
    dataset: Dataset,
    stream: HashingStream,
    key: str,
    file_name: str,
    options: dict[str, Any],
    uploaded_by: User | ApiKey | None,
) -> DatasetVersion:
    """One writer per dataset: numbers have no gaps, and equal files arriving together become one version."""
    locked = Dataset.objects.select_for_update().filter(pk=dataset.pk, deleted_at=None).first()
    if locked is None:
        raise Problem("yours:not-found", "The dataset was deleted.")
    same = locked.versions.filter(upload_sha256=stream.sha256, options=options).exclude(state="refused").first()
    if same is not None:
        same.is_repeat = True
        return same
    pass_limit(
        locked.organisation, "storage_bytes", used=lambda: stored_bytes(locked.organisation), more=stream.bytes_read
    )
    last = locked.versions.aggregate(last=Max("number"))["last"] or 0
    version = DatasetVersion.objects.create(
        organisation_id=locked.organisation_id,
        dataset=locked,
        number=last + 1,
        file_name=file_name,
        upload_key=key,
        upload_bytes=stream.bytes_read,
        upload_sha256=stream.sha256,
        options=options,
        created_by=person_behind(uploaded_by),
    )
    send("check-upload", {"version": version.pk}, dedupe_key=f"check-upload:{version.pk}")
    details = {
        "dataset": locked.pk,
        "number": version.number,
        "bytes": version.upload_bytes,
        "sha256": version.upload_sha256,
    }
    record_audit(
        locked.organisation, actor=uploaded_by or "system", action="dataset.upload", subject=version.pk, details=details
    )
    return version
