"""Datasets and versions as the public API shows them."""

from typing import Any

from apps.datasets.models import Dataset, DatasetVersion


def shown_dataset(dataset: Dataset) -> dict[str, Any]:
    """Fetch it with queries.datasets_of."""
    newest = getattr(dataset, "newest_versions", [])
    return {
        "id": dataset.pk,
        "object": "dataset",
        "name": dataset.name,
        "task": dataset.task,
        "description": dataset.description,
        "created_at": dataset.created_at.isoformat(),
        "updated_at": dataset.updated_at.isoformat(),
        "version_count": getattr(dataset, "version_count", 0),
        "newest_version": shown_version_in_list(newest[0]) if newest else None,
    }


def shown_version_in_list(version: DatasetVersion) -> dict[str, Any]:
    """Without columns, profile and the like."""
    return {
        "id": version.pk,
        "object": "dataset_version",
        "dataset": version.dataset_id,
        "number": version.number,
        "state": public_state(version),
        "file_name": version.file_name,
        "format": version.format or None,
        "rows": version.rows,
        "bytes": version.upload_bytes,
        "sha256": version.canonical_sha256 or None,
        "upload_sha256": version.upload_sha256,
        "inferred_task": version.inferred_task,
        "inferred_target": version.inferred_target,
        "issues": version.issues,
        "created_at": version.created_at.isoformat(),
        "checked_at": version.checked_at.isoformat() if version.checked_at else None,
    }


def shown_version(version: DatasetVersion, *, with_preview: bool = False) -> dict[str, Any]:
    """The whole version."""
    shown = {
        **shown_version_in_list(version),
        "columns": version.columns,
        "classes": version.classes,
        "profile": version.profile,
        "splits": version.splits,
        "options": version.options,
        "already_uploaded": version.is_repeat,
    }
    return {**shown, "preview": version.preview} if with_preview else shown


def public_state(version: DatasetVersion) -> str:
    """`received` is a moment of ours: from outside a version is checking, ready or refused."""
    return "checking" if version.state == "received" else version.state
