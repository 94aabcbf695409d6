"""Reads a ZIP's directory itself, as zipfile believes what it says: overlaps, lies, links and doubles are refused."""

import stat
import struct
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from apps.datasets.checking import limits
from apps.datasets.checking.findings import Refusal

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_METHODS = (0, 8)  # stored, deflate
_FLAG_ENCRYPTED, _FLAG_STRONG, _FLAG_UTF8, _FLAG_MASKED = 0x1, 0x40, 0x800, 0x2000
_DIRECTORY_MOST_BYTES = 64 * limits.MIB


@dataclass(frozen=True)
class Entry:
    name: str
    method: int
    crc: int
    packed_bytes: int
    plain_bytes: int
    header_at: int
    data_at: int = 0

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


@dataclass(frozen=True)
class _Directory:
    at: int
    size: int
    entries: int


def read_entries(path: Path) -> list[Entry]:
    """Return all entries after every structural check. Raises Refusal."""
    size = path.stat().st_size
    with path.open("rb") as file:
        directory = _find_directory(file, size)
        if directory.entries > limits.ZIP_ENTRIES:
            raise Refusal("yours:zip-entries", f"The ZIP holds {directory.entries:,} files.")
        if directory.entries == 0:
            raise Refusal("yours:file-empty", "The ZIP holds no files.")
        entries = _read_directory(file, directory)
        _judge_sizes(entries)
        _judge_names(entries)
        return _locate(file, entries, directory.at)


def _find_directory(file: BinaryIO, size: int) -> _Directory:
    file.seek(0)
    if file.read(4) not in (b"PK\x03\x04", b"PK\x05\x06"):
        raise _unreadable("The file does not begin like a ZIP.")
    tail_at = max(0, size - 65_557)
    file.seek(tail_at)
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise _unreadable("The end of the ZIP is missing; the upload may be cut short.")
    _, disk, disk_cd, on_disk, total, cd_size, cd_at, comment = _END.unpack_from(tail, place)
    end_at = tail_at + place
    if end_at + _END.size + comment != size:
        raise _unreadable("There are bytes behind the end of the ZIP.")
    if disk or disk_cd or on_disk != total:
        raise _unreadable("ZIPs in several parts are not read.")
    if total == 0xFFFF or cd_size == 0xFFFFFFFF or cd_at == 0xFFFFFFFF:
        return _find_directory64(file, end_at)
    directory = _Directory(cd_at, cd_size, total)
    if cd_at + cd_size != end_at:
        raise _unreadable("The ZIP's directory is not where its end says.")
    return directory


def _find_directory64(file: BinaryIO, end_at: int) -> _Directory:
    locator_at = end_at - _LOCATOR64.size
    if locator_at < 0:
        raise _unreadable("The ZIP64 record is missing.")
    file.seek(locator_at)
    mark, _disk, record_at, _disks = _LOCATOR64.unpack(file.read(_LOCATOR64.size))
    if mark != b"PK\x06\x07" or record_at + _END64.size > locator_at:
        raise _unreadable("The ZIP64 record is missing.")
    file.seek(record_at)
    mark, length, _made, _need, disk, disk_cd, on_disk, total, cd_size, cd_at = _END64.unpack(file.read(_END64.size))
    is_whole = mark == b"PK\x06\x06" and record_at + length + 12 == locator_at and cd_at + cd_size == record_at
    if not is_whole or disk or disk_cd or on_disk != total:
        raise _unreadable("The ZIP64 record contradicts the file.")
    return _Directory(cd_at, cd_size, total)


def _read_directory(file: BinaryIO, directory: _Directory) -> list[Entry]:
    if directory.size > _DIRECTORY_MOST_BYTES:
        raise Refusal("yours:zip-entries", f"The ZIP's directory has {directory.size:,} bytes.")
    file.seek(directory.at)
    raw = file.read(directory.size)
    entries: list[Entry] = []
    at = 0
    while at < len(raw):
        if len(raw) - at < _CENTRAL.size or len(entries) > directory.entries:
            raise _unreadable("The ZIP's directory is damaged.")
        fields = _CENTRAL.unpack_from(raw, at)
        name_size, extra_size, comment_size = fields[10:13]
        end = at + _CENTRAL.size + name_size + extra_size + comment_size
        if fields[0] != b"PK\x01\x02" or end > len(raw):
            raise _unreadable("The ZIP's directory is damaged.")
        name_at = at + _CENTRAL.size
        entries.append(
            _entry(
                fields, raw[name_at : name_at + name_size], raw[name_at + name_size : name_at + name_size + extra_size]
            )
        )
        at = end
    if len(entries) != directory.entries:
        raise _unreadable("The ZIP's directory has another length than its end says.")
    return entries


def _entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes) -> Entry:
    made_by, flags, method = fields[1], fields[3], fields[4]
    crc, packed, plain, attributes, header_at = fields[7], fields[8], fields[9], fields[15], fields[16]
    name = _decoded(raw_name, flags)
    shown = name[:100]
    if flags & (_FLAG_ENCRYPTED | _FLAG_STRONG | _FLAG_MASKED):
        raise Refusal("yours:zip-method", "The entry is encrypted.", shown)
    if method not in _METHODS:
        raise Refusal("yours:zip-method", f"The entry uses compression method {method}.", shown)
    mode = attributes >> 16
    kind = stat.S_IFMT(mode)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) and (made_by >> 8 in (3, 19) or kind == stat.S_IFLNK):
        raise Refusal("yours:zip-link", "The entry is a link or a special file.", shown)
    plain, packed, header_at = _wide(extra, plain, packed, header_at)
    return Entry(name, method, crc, packed, plain, header_at)


def _decoded(raw: bytes, flags: int) -> str:
    if len(raw) > limits.ZIP_NAME_BYTES:
        raise Refusal(
            "yours:zip-bad-path", f"A name has {len(raw):,} bytes.", raw[:60].decode("utf-8", "replace") + "…"
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        if flags & _FLAG_UTF8:
            raise Refusal("yours:zip-bad-path", "A name is not valid UTF-8.", repr(raw[:60])) from None
        return raw.decode("cp437")


def _wide(extra: bytes, plain: int, packed: int, header_at: int) -> tuple[int, int, int]:
    """Sizes and offset from the ZIP64 extra field where the short ones are full."""
    values = [plain, packed, header_at]
    if 0xFFFFFFFF not in values:
        return plain, packed, header_at
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            body, place = extra[at + 4 : at + 4 + size], 0
            for index, value in enumerate(values):
                if value == 0xFFFFFFFF and place + 8 <= len(body):
                    values[index] = struct.unpack_from("<Q", body, place)[0]
                    place += 8
        at += 4 + size
    return values[0], values[1], values[2]


def _judge_sizes(entries: list[Entry]) -> None:
    total = 0
    for entry in entries:
        total += entry.plain_bytes
        is_bomb = (
            entry.plain_bytes > limits.UNPACK_RATIO_FREE_BYTES
            and entry.plain_bytes > limits.UNPACK_RATIO * entry.packed_bytes
        )
        if entry.plain_bytes > limits.ZIP_ENTRY_BYTES or is_bomb:
            raise Refusal("yours:zip-too-large", f"The entry unpacks to {entry.plain_bytes:,} bytes.", entry.name)
        if total > limits.UNPACKED_BYTES:
            raise Refusal("yours:zip-too-large", f"The ZIP unpacks to more than {limits.UNPACKED_BYTES:,} bytes.")


def _judge_names(entries: list[Entry]) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        fault = _fault(entry.name)
        if fault:
            raise Refusal("yours:zip-bad-path", fault, entry.name[:100].replace("\x00", "\\0"))
        key = unicodedata.normalize("NFC", entry.name).casefold()
        if key in seen:
            raise Refusal("yours:zip-duplicate", f"Also there as {seen[key]!r}.", entry.name)
        seen[key] = entry.name


def _fault(name: str) -> str:
    parts = name.removesuffix("/").split("/")
    if not name or any(ord(char) < 32 or ord(char) == 127 for char in name):
        return "The name is empty or contains control characters."
    if name.startswith("/") or "\\" in name or (len(name) > 1 and name[1] == ":"):
        return "The name is an absolute path or contains backslashes."
    if len(parts) > limits.ZIP_DEPTH:
        return f"The name is {len(parts):,} folders deep."
    if any(part in ("", ".", "..") for part in parts):
        return "The name contains empty, '.' or '..' parts."
    return ""


def _locate(file: BinaryIO, entries: list[Entry], directory_at: int) -> list[Entry]:
    """Read each local header; the ranges must be disjoint and agree with the directory."""
    located, free_from = [], 0
    for entry in sorted(entries, key=lambda entry: entry.header_at):
        if entry.header_at < free_from:
            raise Refusal("yours:zip-overlap", "The entry overlaps with another.", entry.name)
        file.seek(entry.header_at)
        raw = file.read(_LOCAL.size)
        if len(raw) < _LOCAL.size or not raw.startswith(b"PK\x03\x04"):
            raise _unreadable(f"The entry {entry.name[:100]!r} is not where the directory says.")
        fields = _LOCAL.unpack(raw)
        name = file.read(fields[9])
        if fields[3] != entry.method or _decoded(name, fields[2]) != entry.name:
            raise Refusal(
                "yours:zip-size-mismatch", "The entry's own header says something else than the directory.", entry.name
            )
        data_at = entry.header_at + _LOCAL.size + fields[9] + fields[10]
        free_from = data_at + entry.packed_bytes
        if free_from > directory_at:
            raise Refusal("yours:zip-overlap", "The entry reaches into the directory.", entry.name)
        located.append(
            Entry(entry.name, entry.method, entry.crc, entry.packed_bytes, entry.plain_bytes, entry.header_at, data_at)
        )
    if located and located[0].header_at != 0:
        raise _unreadable("There are bytes before the first entry of the ZIP.")
    return located


def _unreadable(message: str) -> Refusal:
    return Refusal("yours:file-unreadable", message)
