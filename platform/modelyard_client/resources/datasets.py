"""Data sets: create them, upload versions, wait for their checks."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelyard_client.answers import Dataset, DatasetVersion
from modelyard_client.calls import filled
from modelyard_client.errors import ModelyardError, Refused
from modelyard_client.shaping import shaped
from modelyard_client.transport import Progress, Transport
from modelyard_client.uploads import Upload
from modelyard_client.waiting import wait_until


class Datasets:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Dataset]:
        return self._transport.pages("/datasets", Dataset)

    def create(self, name: str, *, task: str = "", description: str = "") -> Dataset:
        body = {"name": name, "task": task, "description": description}
        return shaped(Dataset, self._transport.post("/datasets", body))

    def get(self, dataset_id: str) -> Dataset:
        return shaped(Dataset, self._transport.get(f"/datasets/{dataset_id}"))

    def change(
        self, dataset_id: str, *, name: str | None = None, task: str | None = None, description: str | None = None
    ) -> Dataset:
        body = filled(name=name, task=task, description=description)
        return shaped(Dataset, self._transport.patch(f"/datasets/{dataset_id}", body))

    def delete(self, dataset_id: str) -> None:
        self._transport.delete(f"/datasets/{dataset_id}")

    def upload(
        self,
        file: Path | str | bytes,
        *,
        dataset: str = "",
        name: str = "",
        task: str = "",
        options: Mapping[str, Any] | None = None,
        file_name: str = "",
        progress: Progress | None = None,
        wait: bool = True,
        timeout_s: float = 600.0,
    ) -> DatasetVersion:
        """Upload a path or bytes as the next version of `dataset`, or of a new one called `name` (or like the file).

        `options` are {types, target, task, missing, roles} (docs/datasets.md). With `wait`, return when the checks are
        over: a ready version, or Refused with the issues in `errors`.
        """
        upload = Upload(file, file_name, progress)
        sha256 = upload.sha256()
        home = dataset or self.create(name or Path(upload.name).stem, task=task).id
        form = {"sha256": sha256} | ({"options": json.dumps(options)} if options else {})
        try:
            answer = self._transport.post(
                f"/datasets/{home}/versions", data=form, files=lambda: {"file": upload.fresh()}, timeout_s=600.0
            )
        except ModelyardError:
            if not dataset:
                self.delete(home)  # an empty data set would be left behind by every refused file
            raise
        version = shaped(DatasetVersion, answer)
        return self.wait(version, timeout_s=timeout_s) if wait else version

    def versions(self, dataset_id: str) -> Iterator[DatasetVersion]:
        return self._transport.pages(f"/datasets/{dataset_id}/versions", DatasetVersion)

    def version(self, dataset_id: str, version_id: str) -> DatasetVersion:
        return shaped(DatasetVersion, self._transport.get(f"/datasets/{dataset_id}/versions/{version_id}"))

    def preview(self, dataset_id: str, version_id: str) -> dict[str, Any]:
        """The first rows of a table, or thumbnails of images."""
        answer = self._transport.get(f"/datasets/{dataset_id}/versions/{version_id}/preview")
        return dict(answer["preview"])

    def wait(self, version: DatasetVersion, *, timeout_s: float = 600.0) -> DatasetVersion:
        """Return the version once it is ready; raise Refused with its issues."""
        seen = wait_until(
            lambda: self.version(version.dataset, version.id),
            lambda one: one.state in ("ready", "refused"),
            timeout_s=timeout_s,
            what="the checks of the file",
        )
        if seen.state == "refused":
            raise _refusal(seen)
        return seen


def _refusal(version: DatasetVersion) -> Refused:
    issues = [issue for issue in version.issues if issue.severity == "error"]
    first = issues[0] if issues else None
    return Refused(
        first.code if first else "yours:dataset-not-ready",
        first.message if first else f"The version {version.id} was refused.",
        title="The file was refused",
        errors=[issue.raw for issue in issues],
    )
