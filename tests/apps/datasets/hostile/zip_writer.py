"""Writes ZIPs that no honest archiver would: every field of every record can be a lie."""

import struct
import zlib
from dataclasses import dataclass


@dataclass
class Item:
    name: str | bytes
    data: bytes = b""
    method: int = 8
    flags: int = 0x800
    mode: int = 0o100644
    crc: int | None = None
    plain_bytes: int | None = None  # what is declared
    at: int | None = None  # what the directory says
    packed: bytes | None = None  # raw bytes in the file
    packed_bytes: int | None = None
    is_written: bool = True
    local_name: bytes | None = None


def write_zip(items: list[Item], *, entries: int | None = None, tail: bytes = b"", head: bytes = b"") -> bytes:
    body, directory = bytearray(head), bytearray()
    for item in items:
        raw_name = item.name if isinstance(item.name, bytes) else item.name.encode()
        packed = item.packed if item.packed is not None else _pack(item.data, item.method)
        crc = zlib.crc32(item.data) if item.crc is None else item.crc
        plain = len(item.data) if item.plain_bytes is None else item.plain_bytes
        size = len(packed) if item.packed_bytes is None else item.packed_bytes
        at = len(body) if item.at is None else item.at
        if item.is_written:
            local_name = raw_name if item.local_name is None else item.local_name
            body += struct.pack(
                "<4s5H3L2H", b"PK\x03\x04", 20, item.flags, item.method, 0, 33, crc, size, plain, len(local_name), 0
            )
            body += local_name + packed
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 3 << 8 | 20, 20, item.flags, item.method, 0, 33, crc, size, plain,
            len(raw_name), 0, 0, 0, 0, item.mode << 16, at,
        ) + raw_name  # fmt: skip
    count = len(items) if entries is None else entries
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, min(count, 65535), min(count, 65535), len(directory), len(body), 0
    )
    if count >= 65535:
        at = len(body) + len(directory)
        record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), len(body))
        end = record + struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1) + end
    return bytes(body + directory + end + tail)


def _pack(data: bytes, method: int) -> bytes:
    if method == 0:
        return data
    engine = zlib.compressobj(6, zlib.DEFLATED, -15)
    return engine.compress(data) + engine.flush()
