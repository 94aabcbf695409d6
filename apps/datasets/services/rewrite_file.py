"""Make a new dataset version out of a changed copy of another one's file; the old version stays as it is."""

import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from django.core.files.base import File
from django.core.files.storage import default_storage

from apps.accounts.models import ApiKey, User
from apps.datasets.models import DatasetVersion
from apps.datasets.services.receive_upload import receive_upload
from contracts.problems import Problem

BYTES_MOST = 200_000_000  # it is read and written whole while the person waits


def rewrite_file(
    version: DatasetVersion, write: Callable[[IO[bytes], Path], None], *, name: str, by: User | ApiKey | None
) -> DatasetVersion:
    """`write` reads the stored file and writes the new one; `name` is added to the file's. Checked like any upload."""
    if version.canonical_bytes > BYTES_MOST:
        raise Problem("yours:file-too-large", "Change a file of this size on your side and upload it again.")
    suffix = "zip" if version.format == "zip" else "parquet"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.{suffix}"
        with default_storage.open(version.canonical_key) as stored:
            write(stored, path)
        file_name = f"{PurePosixPath(version.file_name).stem[:200]}-{name}.{suffix}"
        with path.open("rb") as file:
            return receive_upload(version.dataset, file=File(file), file_name=file_name, uploaded_by=by)
