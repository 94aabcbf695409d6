"""multipart/form-data, read strictly: a form with a file per part (RFC 7578)."""

from __future__ import annotations

import re

from workers.serve.problems import Refused

MOST_PARTS = 64
MOST_HEADER_BYTES = 4096  # of one part
_BOUNDARY = re.compile(rb"""boundary=(?:"([^"\r\n]{1,70})"|([0-9A-Za-z'()+_,./:=?-]{1,70}))""", re.IGNORECASE)
_NAME = re.compile(rb"""\bname=(?:"([^"\r\n]*)"|([^\s;"]+))""", re.IGNORECASE)


def read_parts(body: bytes, content_type: bytes) -> list[tuple[str, bytes]]:
    """Return (name, content) of each part, in order; a name that comes again gets its number. Raises Refused."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Refused("yours:malformed", "The Content-Type names no boundary.")
    mark = b"--" + (found[1] or found[2])
    pieces = (b"\r\n" + body).split(b"\r\n" + mark, MOST_PARTS + 2)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        if len(pieces) > MOST_PARTS + 2:
            raise Refused("yours:too-large", f"A form may have at most {MOST_PARTS} parts.")
        raise Refused("yours:malformed", "The form is broken: it has no parts, or its end is missing.")
    if len(pieces) - 2 > MOST_PARTS:
        raise Refused("yours:too-large", f"A form may have at most {MOST_PARTS} parts.")
    parts: list[tuple[str, bytes]] = []
    for number, piece in enumerate(pieces[1:-1]):
        parts.append(_read_part(piece, number))
    names = [name for name, _ in parts]
    return [
        (name if names.count(name) == 1 else f"{name}[{names[:at].count(name)}]", data)
        for at, (name, data) in enumerate(parts)
    ]


def _read_part(piece: bytes, number: int) -> tuple[str, bytes]:
    padding, line_end, rest = piece.partition(b"\r\n")
    head, blank, data = rest.partition(b"\r\n\r\n")
    if padding.strip(b" \t") or not line_end or not blank or len(head) > MOST_HEADER_BYTES:
        raise Refused("yours:malformed", f"Part {number + 1} of the form is broken.")
    for line in head.split(b"\r\n"):
        header, _, value = line.partition(b":")
        if header.strip().lower() == b"content-disposition" and (found := _NAME.search(value)):
            return (found[1] or found[2] or b"").decode(errors="replace")[:100] or f"part {number + 1}", data
    raise Refused("yours:malformed", f"Part {number + 1} of the form has no name.")
