"""Check a received upload: claim it, read it in a confined child, store the canonical file, make it ready or refuse."""

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.accounts.services.record_audit import record_audit
from apps.datasets.models import DatasetVersion
from apps.datasets.rules import CHECK_ATTEMPTS, RETRY_AFTER_S, lease_s
from apps.datasets.services.examine_upload import ChildLost, Examined, examine_upload

log = logging.getLogger(__name__)
_CHUNK_BYTES = 256 * 1024
_FIELDS = ("rows", "columns", "classes", "inferred_task", "inferred_target", "profile", "preview", "splits")


def check_version(version_id: str) -> str:
    """Return the state it is left in; "" when there was nothing to claim. Safe to call twice or at the same time."""
    version = _claim(version_id)
    if version is None:
        return ""
    if version.check_attempts > CHECK_ATTEMPTS:
        return _refuse(version, [_given_up()])
    with _private_folder() as folder:
        try:
            _fetch(version, folder / "upload")
            options = {"task": version.dataset.task, **version.options}
            found = examine_upload(
                folder, file_name=version.file_name, upload_bytes=version.upload_bytes, options=options
            )
        except (ChildLost, OSError) as error:  # ours: the lease runs out and another attempt follows
            log.warning("check of %s, attempt %s, was lost: %s", version.pk, version.check_attempts, error)
            return _give_back(version)
        if found.outcome == "refused":
            return _refuse(version, found.answer["issues"])
        return _accept(version, found)


def _claim(version_id: str) -> DatasetVersion | None:
    """Compare and set: a version is free when received, or when its last check's lease ran out."""
    now = timezone.now()
    free = Q(state="received") | Q(state="checking", check_lease_until__lt=now)
    bytes_ = DatasetVersion.objects.filter(pk=version_id).values_list("upload_bytes", flat=True).first()
    if bytes_ is None:
        return None
    lease_until = now + timedelta(seconds=lease_s(bytes_))
    claimed = DatasetVersion.objects.filter(free, pk=version_id).update(
        state="checking", check_lease_until=lease_until, check_attempts=F("check_attempts") + 1
    )
    return DatasetVersion.objects.select_related("dataset", "organisation").get(pk=version_id) if claimed else None


def _give_back(version: DatasetVersion) -> str:
    """Shorten the lease, so that the next attempt need not wait for all of it."""
    mine = DatasetVersion.objects.filter(pk=version.pk, state="checking", check_attempts=version.check_attempts)
    mine.update(check_lease_until=timezone.now() + timedelta(seconds=RETRY_AFTER_S))
    return "checking"


@contextmanager
def _private_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="modelyard-check-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(version: DatasetVersion, target: Path) -> None:
    """Copy the upload out of the storage; what comes back must be what went in."""
    digest = hashlib.sha256()
    with default_storage.open(version.upload_key) as source, target.open("wb") as out:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            out.write(chunk)
    if digest.hexdigest() != version.upload_sha256:
        raise OSError(f"the storage returned other bytes for {version.upload_key}")


def _accept(version: DatasetVersion, found: Examined) -> str:
    assert found.canonical is not None
    with found.canonical.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    key = f"datasets/{version.pk}/canonical.{found.answer['format']}"
    _store(found.canonical, key)
    facts: dict[str, Any] = {name: found.answer[name] for name in _FIELDS}
    issues = list(found.answer["issues"])
    twin = _twin(version, sha256)
    if twin is not None:
        issues.append(_same_content(twin))
    return _finish(
        version,
        state="ready",
        format=found.answer["format"],
        canonical_key=key,
        canonical_sha256=sha256,
        canonical_bytes=found.canonical.stat().st_size,
        issues=issues,
        **facts,
    )


def _store(path: Path, key: str) -> None:
    """Replace what an earlier attempt may have left: the bytes are the same for the same upload."""
    if default_storage.exists(key):
        default_storage.delete(key)
    with path.open("rb") as file:
        stored = default_storage.save(key, File(file))
    if stored != key:  # somebody stored at the same time; one of the two is enough
        default_storage.delete(stored)


def _twin(version: DatasetVersion, sha256: str) -> DatasetVersion | None:
    others = version.dataset.versions.filter(state="ready", canonical_sha256=sha256).exclude(pk=version.pk)
    return others.order_by("number").first()


def _same_content(twin: DatasetVersion) -> dict[str, str]:
    return {
        "code": "data:same-content",
        "severity": "info",
        "message": f"Version {twin.number} ({twin.pk}) holds exactly this data.",
        "location": "",
        "fix": "Nothing to do; either version gives the same results.",
    }


def _refuse(version: DatasetVersion, issues: list[dict[str, Any]]) -> str:
    return _finish(version, state="refused", issues=issues)


def _given_up() -> dict[str, str]:
    message = f"The file could not be checked in {CHECK_ATTEMPTS} attempts; the operators have been told."
    return {
        "code": "ours:internal",
        "severity": "error",
        "message": message,
        "location": "",
        "fix": "Upload it again later.",
    }


@transaction.atomic
def _finish(version: DatasetVersion, **values: Any) -> str:
    """The attempt is the fence: a check whose lease ran out cannot write over its successor."""
    mine = DatasetVersion.objects.filter(pk=version.pk, state="checking", check_attempts=version.check_attempts)
    if not mine.update(checked_at=timezone.now(), check_lease_until=None, **values):
        return ""
    codes = [issue["code"] for issue in values["issues"] if issue["severity"] == "error"]
    details = {"dataset": version.dataset_id, "number": version.number, "codes": codes[:10]}
    action = f"dataset.{values['state']}"
    record_audit(version.organisation, actor="system", action=action, subject=version.pk, details=details)
    return str(values["state"])
