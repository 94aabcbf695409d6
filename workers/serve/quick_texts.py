"""The quick road's usage records and answers: what those of one part have in common is put together once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from zlib import crc32

from workers.serve.journal_line import constant_part

if TYPE_CHECKING:
    from workers.serve.quick_road import Part

ID_LENGTH = 36
TAIL_BYTES = 8  # random bits of a part's usage ids; their number within the part makes them differ


class Texts:
    def __init__(self, part: Part, at_us: int, latency_ms: bytes, request_prefix: bytes) -> None:
        route, live = part.route, part.live
        self._price = route.unit_price
        record = route.record_parts.get(live.version)
        if record is None:
            record = route.record_parts[live.version] = constant_part(route, live.version)
        stamp = at_us // 1000
        tail = os.urandom(TAIL_BYTES).hex().encode()
        self._id_start = b"%08x-%04x-7" % (stamp >> 16, stamp & 0xFFFF)  # a UUID of version 7
        self._id_end = b"-a%b-%b" % (tail[:3], tail[3:15])
        leases = b",".join([lease.journal_part for lease in part.leases])
        self._record = b'",%b,"units":%%d,"amount_micros":%%d,"at_us":%d,"leases":{%b}}' % (
            _plain(record), at_us, _plain(leases)
        )  # fmt: skip
        self._head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            + _plain(live.headers + part.rate_headers)
            + b"Usage-Id: %b\r\nX-Request-Id: "
            + _plain(request_prefix)
            + b"%x\r\n\r\n"
        )
        self._middle = b'],"model_version":"%b","usage":{"id":"' % live.version.encode()
        self._end = b'","units":%%d,"amount_micros":%%d},"latency_ms":%b}' % latency_ms
        self._by_units: dict[int, tuple[bytes, bytes, int]] = {}

    def write(self, place: int, units: int, entry: bytes, number: int) -> tuple[bytes, bytes]:
        """The record of the part's request at `place`, as a line of the journal, and its answer."""
        record_end, template, around = self._by_units.get(units) or self._for(units)
        usage_id = b"%b%03x%b" % (self._id_start, place, self._id_end)
        payload = b'{"id":"' + usage_id + record_end
        return (
            b"%08x %b\n" % (crc32(payload), payload),
            template % (around + len(entry), usage_id, number, entry, usage_id),
        )

    def _for(self, units: int) -> tuple[bytes, bytes, int]:
        """The end of a record, the template of an answer, and the length of its body without id and entry."""
        numbers = (units, units * self._price)
        start, middle, end = b'{"predictions":[', self._middle, self._end % numbers
        template = self._head + start + b"%b" + _plain(middle) + b"%b" + _plain(end)
        found = self._record % numbers, template, len(start) + len(middle) + ID_LENGTH + len(end)
        self._by_units[units] = found
        return found


def _plain(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
