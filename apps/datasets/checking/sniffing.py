"""Tells from its first bytes what a file is, and unpacks gzip within limits. The name is only a hint."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

from apps.datasets.checking import limits
from apps.datasets.checking.findings import Refusal

_FOREIGN = {  # first bytes -> what to call it
    b"\x89PNG": "a single PNG image",
    b"\xff\xd8\xff": "a single JPEG image",
    b"GIF8": "a single GIF image",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy file",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"ARROW1": "an Arrow IPC file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
}
_JSON_LINES_SUFFIXES = (".jsonl", ".ndjson", ".json", ".jsonlines")


@dataclass(frozen=True)
class Upload:
    path: Path
    format: str  # "csv" | "jsonl" | "parquet" | "zip"
    file_name: str = ""
    is_unpacked: bool = False  # was behind gzip


def recognise(path: Path, file_name: str, folder: Path) -> Upload:
    """Return the file's format and where its plain bytes are. Raises Refusal for anything else."""
    head = _head(path)
    if not head.startswith(b"\x1f\x8b"):
        return Upload(path, _format(head, file_name), file_name)
    plain = folder / "unpacked"
    unpack_gzip(path, plain)
    inner = _head(plain)
    if inner.startswith(b"\x1f\x8b"):
        raise Refusal("yours:file-format", "The gzip file holds another gzip file.")
    name = file_name.lower().removesuffix(".gz")
    return Upload(plain, _format(inner, name), name, is_unpacked=True)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _format(head: bytes, file_name: str) -> str:
    if not head:
        raise Refusal("yours:file-empty", "The file has no bytes.")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PARE"):
        raise Refusal("yours:file-unreadable", "The Parquet file is encrypted.")
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise Refusal("yours:file-format", f"The file is {name}.")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        raise Refusal("yours:file-format", "The file is a single WebP image.")
    is_json = file_name.lower().endswith(_JSON_LINES_SUFFIXES) or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    return "jsonl" if is_json else "csv"


def unpack_gzip(source: Path, target: Path) -> None:
    """Unpack within the caps on size and on the ratio so far; a bomb is refused long before the disk notices."""
    written = 0
    try:
        with source.open("rb") as raw, gzip.open(raw, "rb") as packed_file, target.open("wb") as plain:
            while block := packed_file.read(limits.MIB):
                written += len(block)
                most = max(limits.UNPACK_RATIO_FREE_BYTES, min(limits.UNPACKED_BYTES, raw.tell() * limits.UNPACK_RATIO))
                if written > most:
                    raise Refusal("yours:gzip-too-large", f"Its first {raw.tell():,} bytes unpack to {written:,}.")
                plain.write(block)
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal("yours:file-unreadable", f"The gzip data is damaged ({error}).") from error
