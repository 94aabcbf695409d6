"""Finds a text's encoding by reading it once, and brings anything but UTF-8 into UTF-8."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.datasets.checking import limits
from apps.datasets.checking.findings import Notes, Refusal

_BLOCK_BYTES = limits.MIB
_UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CONTROL_BYTES = bytes(set(range(32)) - {9, 10, 12, 13, 26})


@dataclass(frozen=True)
class Text:
    """UTF-8 text on disk."""

    path: Path
    encoding: str  # as found
    quotes: int  # how many double quotes: an odd number means that one is never closed


def to_utf8(path: Path, folder: Path, notes: Notes) -> Text:
    """Return the text as UTF-8: the file itself, or a converted copy with a note."""
    with path.open("rb") as file:
        mark = file.read(2)
    if mark in _UTF16_MARKS:
        return _converted(path, folder, _UTF16_MARKS[mark], notes)
    survey = _survey(path)
    if survey.nul_line:
        raise Refusal("yours:csv-nul", "The text contains a NUL byte.", f"line {survey.nul_line}")
    if survey.is_utf8:
        return Text(path, "utf-8", survey.quotes)
    if survey.control_share > 0.01:
        raise Refusal("yours:csv-encoding", "The bytes are neither UTF-8 nor any common text encoding.")
    return _converted(path, folder, "cp1252" if survey.is_cp1252 else "latin-1", notes)


@dataclass
class _Survey:
    is_utf8: bool = True
    is_cp1252: bool = True
    nul_line: int = 0
    quotes: int = 0
    control_share: float = 0.0


def _survey(path: Path) -> _Survey:
    survey = _Survey()
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, size, controls = 1, 0, 0
    for block in _blocks(path):
        if b"\x00" in block:
            survey.nul_line = lines + block[: block.index(b"\x00")].count(b"\n")
            return survey
        lines += block.count(b"\n")
        size += len(block)
        survey.quotes += block.count(b'"')
        survey.is_utf8 = survey.is_utf8 and _decodes(decoder, block)
        if not survey.is_utf8:
            controls += len(block) - len(block.translate(None, _CONTROL_BYTES))
            survey.is_cp1252 = survey.is_cp1252 and not any(byte in block for byte in b"\x81\x8d\x8f\x90\x9d")
    survey.is_utf8 = survey.is_utf8 and _decodes(decoder, b"", final=True)
    survey.control_share = controls / max(1, size)
    return survey


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def _converted(path: Path, folder: Path, encoding: str, notes: Notes) -> Text:
    target, quotes = folder / "text.utf8", 0
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with target.open("wb") as out:
            for block in _blocks(path):
                text = decoder.decode(block)
                if "\x00" in text:
                    raise Refusal("yours:csv-nul", "The text contains a NUL character.")
                quotes += text.count('"')
                out.write(text.removeprefix("\ufeff").encode("utf-8"))
            out.write(decoder.decode(b"", True).encode("utf-8"))
    except UnicodeError as error:
        raise Refusal("yours:csv-encoding", f"The text is not valid {encoding} ({error}).") from error
    notes.warn("data:encoding", f"The text was read as {encoding}, not UTF-8.")
    return Text(target, encoding, quotes)
