"""Model packages on this node's disk: pulled from control by sha256, verified, kept."""

import hashlib
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path

import orjson

from contracts.manifests import ModelManifest
from contracts.wire import from_wire
from workers.serve.control import Control

log = logging.getLogger(__name__)

_SHA256 = re.compile(r"[0-9a-f]{64}")


class PackageDamaged(Exception):
    """The bytes are not those that the sha256 names."""


class Packages:
    def __init__(self, folder: Path, control: Control) -> None:
        self._folder = folder
        self._control = control

    def fetch(self, sha256: str) -> tuple[Path, ModelManifest]:
        """Return model file and manifest, from disk when they are there whole. Blocks."""
        if not _SHA256.fullmatch(sha256):
            raise PackageDamaged(f"{sha256!r} is not a sha256")
        folder = self._folder / sha256
        if not (folder / "model.onnx").is_file() or _digest(folder / "model.onnx") != sha256:
            self._download(sha256, folder)
        manifest = from_wire(ModelManifest, orjson.loads((folder / "manifest.json").read_bytes()))
        return folder / "model.onnx", manifest

    def _download(self, sha256: str, folder: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".pull-", dir=self._folder))
        try:
            for name in ("model.onnx", "manifest.json"):
                self._control.package(sha256, name, scratch / name)
            digest = _digest(scratch / "model.onnx")
            if digest != sha256:
                raise PackageDamaged(f"control sent a model with sha256 {digest}, not {sha256}")
            shutil.rmtree(folder, ignore_errors=True)
            try:
                os.rename(scratch, folder)
            except OSError:  # a sibling process was quicker
                if _digest(folder / "model.onnx") != sha256:
                    raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
