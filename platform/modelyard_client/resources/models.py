"""Models and their versions: list them, look at their evidence, download their files."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from modelyard_client.answers import Model, ModelVersion
from modelyard_client.errors import NotFound
from modelyard_client.shaping import shaped
from modelyard_client.transport import Progress, Transport


class Models:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Model]:
        return self._transport.pages("/models", Model)

    def get(self, model_id: str) -> Model:
        return shaped(Model, self._transport.get(f"/models/{model_id}"))


class ModelVersions:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, model: str = "") -> Iterator[ModelVersion]:
        return self._transport.pages("/model-versions", ModelVersion, model=model)

    def get(self, version_id: str) -> ModelVersion:
        return shaped(ModelVersion, self._transport.get(f"/model-versions/{version_id}"))

    def download(
        self,
        version_id: str,
        folder: Path | str,
        *,
        names: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> Sequence[Path]:
        """Write the named files (all, if left out) into `folder`; each is checked against its SHA-256."""
        files = self.get(version_id).files
        wanted = list(files) if names is None else list(names)
        if missing := [name for name in wanted if name not in files]:
            raise NotFound("yours:not-found", f"{version_id} has no file {missing[0]}; it has {', '.join(files)}.")
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        return [
            self._transport.download(
                f"/model-versions/{version_id}/files/{name}",
                place / PurePosixPath(name).name,
                sha256=files[name]["sha256"],
                progress=progress,
            )
            for name in wanted
        ]
