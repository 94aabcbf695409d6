"""The edge bundle of a version: the model with test vectors and checks that run offline, as one ZIP."""

import hashlib
import json
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
MOST_ROWS = 128  # of the vectors that travel along
_CHUNK_BYTES = 256 * 1024
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same bytes for the same content


def content_sha256(version: ModelVersion, precision: str) -> str:
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
    for name in (*rules.PRECISIONS[precision], *PAPERS):
        digest.update(f"{name} {version.files[name]['sha256']}".encode())
    for name in CHECKS:
        digest.update((EDGE_FOLDER / name).read_bytes())
    return digest.hexdigest()


def write_bundle(version: ModelVersion, file: IO[bytes], precision: str) -> None:
    """Write the ZIP; the model goes through in pieces, stored as it is, since weights do not shrink."""
    model, tests = rules.PRECISIONS[precision]
    with ZipFile(file, "w", allowZip64=True) as bundle:
        with bundle.open(_entry("model.onnx", ZIP_STORED), "w", force_zip64=True) as target:
            for piece in pieces_of(version, model):
                target.write(piece)
        vectors = first_rows(json.loads(b"".join(pieces_of(version, tests))), MOST_ROWS)
        bundle.writestr(_entry("vectors.json"), json.dumps(vectors, ensure_ascii=False))
        for name in PAPERS:
            paper = json.loads(b"".join(pieces_of(version, name)))
            bundle.writestr(_entry(name), json.dumps(_of_variant(version, paper, name, precision), ensure_ascii=False))
        for name in CHECKS:
            bundle.writestr(_entry(name), (EDGE_FOLDER / name).read_bytes())


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


def _of_variant(version: ModelVersion, paper: dict[str, Any], name: str, precision: str) -> dict[str, Any]:
    """The manifest names the file that lies beside it; the certificate stays that of the full model."""
    if name != "manifest.json" or precision == "fp32":
        return paper
    stored = version.files[rules.PRECISIONS[precision][0]]
    return {**paper, "model_sha256": stored["sha256"], "model_bytes": stored["size_bytes"], "precision": precision}


def _entry(name: str, compression: int = ZIP_DEFLATED) -> ZipInfo:
    entry = ZipInfo(name, _LONG_AGO)
    entry.compress_type = compression
    entry.external_attr = 0o644 << 16
    return entry
