"""Server-sent events: lines in, events out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """`name` is empty for the sign of life of a comment or of a blank event."""

    name: str
    id: str
    data: str


def events_in(lines: Iterable[str]) -> Iterator[Event]:
    """Yield an event per block, and one without name for every comment, so that a reader can look at its clock."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields:
                yield Event(fields.get("event", "message"), fields.get("id", ""), fields["data"])
            fields = {}
        elif line.startswith(":"):
            yield Event("", "", "")
        else:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields['data']}\n{value}" if name == "data" and "data" in fields else value
