"""Inflates one entry of a ZIP and never more than it declares; what it declares is checked against what comes out."""

import zlib
from typing import BinaryIO

from apps.datasets.checking import limits
from apps.datasets.checking.findings import Refusal
from apps.datasets.checking.zip_structure import Entry

_CHUNK_BYTES = 256 * limits.KIB


def read_entry(file: BinaryIO, entry: Entry) -> bytes:
    """Return the entry's bytes. Raises Refusal when size or checksum is not as declared."""
    file.seek(entry.data_at)
    if entry.method == 0:
        if entry.packed_bytes != entry.plain_bytes:
            raise _mismatch(entry)
        content = file.read(entry.plain_bytes)
    else:
        content = _inflate(file, entry)
    if len(content) != entry.plain_bytes or zlib.crc32(content) != entry.crc:
        raise _mismatch(entry)
    return content


def _inflate(file: BinaryIO, entry: Entry) -> bytes:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    parts, size, left = [], 0, entry.packed_bytes
    try:
        while not engine.eof:
            packed = engine.unconsumed_tail or file.read(min(_CHUNK_BYTES, left))
            if not engine.unconsumed_tail:
                left -= len(packed)
            if not packed:
                break
            part = engine.decompress(packed, entry.plain_bytes + 1 - size)
            parts.append(part)
            size += len(part)
            if size > entry.plain_bytes:
                raise _mismatch(entry)
    except zlib.error as error:
        raise Refusal(
            "yours:zip-size-mismatch", f"The entry's compressed data is damaged ({error}).", entry.name
        ) from error
    return b"".join(parts)


def _mismatch(entry: Entry) -> Refusal:
    return Refusal(
        "yours:zip-size-mismatch",
        f"It declares {entry.plain_bytes:,} bytes and another checksum or size comes out.",
        entry.name,
    )
