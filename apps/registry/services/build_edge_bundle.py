"""Build a version's edge bundle once and keep it beside the files of its run."""

import hashlib
import json
import tempfile
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage

from apps.registry.edge_bundle import content_sha256, write_bundle
from apps.registry.models import ModelVersion

_IN_MEMORY_BYTES = 8 * 1024**2


def build_edge_bundle(version: ModelVersion, precision: str = "fp32", *, with_runtime: bool = False) -> dict[str, Any]:
    """{"storage_key","sha256","size_bytes"}; built at the first call, found again as long as nothing changed."""
    key = f"runs/{version.run_id}/edge/{content_sha256(version, precision, with_runtime=with_runtime)}"
    record = f"{key}.json"
    if default_storage.exists(record):
        with default_storage.open(record) as file:
            found: dict[str, Any] = json.loads(file.read())
        if default_storage.exists(found["storage_key"]):
            return found
        default_storage.delete(record)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as scratch:
        write_bundle(version, scratch, precision, with_runtime=with_runtime)
        size_bytes = scratch.tell()
        scratch.seek(0)
        sha256 = hashlib.file_digest(scratch, "sha256").hexdigest()  # type: ignore[arg-type]  # it has readinto
        scratch.seek(0)
        made = {
            "storage_key": default_storage.save(f"{key}.zip", File(scratch)),
            "sha256": sha256,
            "size_bytes": size_bytes,
        }
    # Two requests may build at once: each keeps a whole file, the record names one of them.
    default_storage.save(record, ContentFile(json.dumps(made).encode()))
    return made
