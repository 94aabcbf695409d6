"""The edge bundle of a version: the model with test vectors and checks that run offline, as one ZIP."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.core.files.storage import default_storage

from apps.registry import rules
from apps.registry.models import ModelVersion
from contracts.problems import Problem

NAME = "edge.zip"
FORMAT = 1
EDGE_FOLDER = Path(__file__).resolve().parents[2] / "templates" / "registry" / "edge"
CHECKS = ("README.md", "check.mjs", "index.html", "run.mjs", "run.py")
PAPERS = ("manifest.json", "parity.json")
RUNTIME_FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")  # of the npm package onnxruntime-web
MOST_ROWS = 128  # of the vectors that travel along
_CHUNK_BYTES = 256 * 1024
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same bytes for the same content


def web_runtime() -> Path | None:
    """The folder with ONNX Runtime for browsers, where `make edge-runtime` has put it."""
    folder = Path(os.environ.get("WEB_RUNTIME") or Path.home() / ".cache" / "modelyard-web")
    return folder if all((folder / name).is_file() for name in RUNTIME_FILES) else None


def content_sha256(version: ModelVersion, precision: str, *, with_runtime: bool) -> str:
    """Names what the bundle is made of. Problem yours:not-found for a version without test vectors or this variant."""
    if precision not in rules.PRECISIONS:
        raise Problem("yours:invalid", f"precision is one of {', '.join(rules.PRECISIONS)}.")
    if "vectors.json" not in version.files:
        raise Problem(
            "yours:not-found",
            "This version has no test vectors, so there is no edge bundle; a new run of the same data makes one.",
        )
    if any(name not in version.files for name in rules.PRECISIONS[precision]):
        raise Problem(
            "yours:not-found",
            f"This version has no {precision} variant: it is kept only where its measured loss on validation is small.",
        )
    digest = hashlib.sha256(f"edge {FORMAT} {MOST_ROWS}".encode())
    for name in (*rules.PRECISIONS[precision], "parity.json"):
        digest.update(f"{name} {version.files[name]['sha256']}".encode())
    for name in CHECKS:
        digest.update((EDGE_FOLDER / name).read_bytes())
    for path in _runtime(with_runtime):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _runtime(is_wanted: bool) -> list[Path]:
    folder = web_runtime() if is_wanted else None
    if is_wanted and folder is None:
        raise Problem(
            "yours:not-found",
            "This server has no ONNX Runtime for browsers; its operator can install it with `make edge-runtime`.",
        )
    return [folder / name for name in RUNTIME_FILES] if folder else []


def write_bundle(version: ModelVersion, file: IO[bytes], precision: str, *, with_runtime: bool) -> None:
    """Write the ZIP; the model goes through in pieces, stored as it is, since weights do not shrink."""
    model, tests, manifest = rules.PRECISIONS[precision]
    with ZipFile(file, "w", allowZip64=True) as bundle:
        with bundle.open(_entry("model.onnx", ZIP_STORED), "w", force_zip64=True) as target:
            for piece in pieces_of(version, model):
                target.write(piece)
        vectors = first_rows(json.loads(b"".join(pieces_of(version, tests))), MOST_ROWS)
        bundle.writestr(_entry("vectors.json"), json.dumps(vectors, ensure_ascii=False))
        for name, stored in (("manifest.json", manifest), ("parity.json", "parity.json")):  # parity: of the full model
            bundle.writestr(_entry(name), b"".join(pieces_of(version, stored)))
        for name in CHECKS:
            bundle.writestr(_entry(name), (EDGE_FOLDER / name).read_bytes())
        for path in _runtime(with_runtime):
            bundle.writestr(_entry(path.name), path.read_bytes())


def pieces_of(version: ModelVersion, name: str) -> Iterator[bytes]:
    """The stored file of a version, piece by piece."""
    with default_storage.open(version.files[name]["storage_key"]) as stored:
        while piece := stored.read(_CHUNK_BYTES):
            yield piece


def first_rows(vectors: dict[str, Any], most: int) -> dict[str, Any]:
    """Whole groups up to so many rows, at least one group."""
    kept: list[dict[str, Any]] = []
    rows = 0
    for group in vectors["groups"]:
        count = group["inputs"][0]["shape"][0]
        if kept and rows + count > most:
            break
        kept.append(group)
        rows += count
    return {**vectors, "groups": kept, "rows": rows}


def _entry(name: str, compression: int = ZIP_DEFLATED) -> ZipInfo:
    entry = ZipInfo(name, _LONG_AGO)
    entry.compress_type = compression
    entry.external_attr = 0o644 << 16
    return entry
