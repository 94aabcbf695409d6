"""Batches: predict a whole file offline."""

from collections.abc import Callable, Iterator
from pathlib import Path

from modelyard_client.answers import Batch
from modelyard_client.calls import filled
from modelyard_client.errors import Refused
from modelyard_client.shaping import shaped
from modelyard_client.transport import Progress, Transport
from modelyard_client.uploads import Upload
from modelyard_client.waiting import wait_until


class Batches:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Batch]:
        return self._transport.pages("/batches", Batch)

    def start(
        self,
        *,
        endpoint: str | None = None,
        model_version: str | None = None,
        file: Path | str | bytes | None = None,
        file_name: str = "",
        dataset_version: str | None = None,
        progress: Progress | None = None,
    ) -> Batch:
        """Predict a file (.csv, .jsonl, .zip) or a data set version with an endpoint's model or a model version."""
        wish = filled(endpoint=endpoint, model_version=model_version, dataset_version=dataset_version)
        if file is None:
            return shaped(Batch, self._transport.post("/batches", wish))
        upload = Upload(file, file_name, progress)
        answer = self._transport.post("/batches", data=wish, files=lambda: {"file": upload.fresh()}, timeout_s=600.0)
        return shaped(Batch, answer)

    def get(self, batch_id: str) -> Batch:
        return shaped(Batch, self._transport.get(f"/batches/{batch_id}"))

    def cancel(self, batch_id: str) -> Batch:
        return shaped(Batch, self._transport.post(f"/batches/{batch_id}/cancel"))

    def wait(
        self, batch_id: str, *, timeout_s: float = 24 * 3600.0, progress: Callable[[Batch], None] | None = None
    ) -> Batch:
        """Return the batch once it succeeded; raise Refused when it did not."""
        seen = wait_until(
            lambda: self.get(batch_id),
            lambda one: one.state in ("succeeded", "failed", "cancelled"),
            timeout_s=timeout_s,
            what="the batch",
            progress=progress,
        )
        if seen.state != "succeeded":
            error = seen.error
            code, detail = (error.code, error.detail) if error else (f"batch:{seen.state}", f"It was {seen.state}.")
            raise Refused(code, detail, fix=error.fix if error else "")
        return seen

    def download(self, batch_id: str, target: Path | str) -> Path:
        """Write the predictions, one line per row of the input, in its order."""
        return self._transport.download(f"/batches/{batch_id}/result", Path(target))
