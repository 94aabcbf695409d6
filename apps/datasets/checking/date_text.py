"""Dates and times as people write them. A column has one pattern; the order of day and month is found by evidence."""

import re
from datetime import UTC, datetime

ISO = "iso"
_ISO_SHAPE = re.compile(r"^\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?\s?(Z|UTC|[+-]\d{2}:?\d{2})?)?)?$")
PATTERNS = (  # in order of preference; the first that reads every value wins
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d-%b-%Y",
)
_SWAPPED = {p: p.replace("%m", "§").replace("%d", "%m").replace("§", "%d") for p in PATTERNS if "%d" in p and "%m" in p}


def read(text: str, pattern: str) -> datetime | None:
    """Return the moment in UTC, or None when the text is not of this pattern. Times without a zone count as UTC."""
    try:
        moment = _read_iso(text) if pattern == ISO else datetime.strptime(text, pattern).replace(tzinfo=UTC)
        return moment if moment is None or moment.tzinfo is UTC else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def zone_of(text: str) -> str:
    """The offset an ISO text carries, empty when none."""
    found = _ISO_SHAPE.match(text)
    return (found.group(5) or "") if found else ""


def _read_iso(text: str) -> datetime | None:
    if not _ISO_SHAPE.match(text):
        return None
    text = text.replace(" UTC", "Z").replace("UTC", "Z")
    if len(text) == 7:
        text += "-01"
    head, point, tail = text.partition(".")
    if point:  # fromisoformat takes microseconds only
        digits = re.match(r"\d+", tail)
        text = head + "." + tail[: digits.end()][:6] + tail[digits.end() :] if digits else text
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class DateEvidence:
    """Which patterns still read (nearly) every value seen so far."""

    def __init__(self) -> None:
        self.good: dict[str, int] = dict.fromkeys((ISO, *PATTERNS), 0)
        self.total = 0
        self.zones: set[str] = set()

    @property
    def is_open(self) -> bool:
        return bool(self.good)

    def add(self, texts: list[str], counts: list[int]) -> None:
        """Count what each pattern reads; drop patterns that fail more than one value in twenty."""
        if not self.good:
            return
        self._try(texts[:40], counts[:40])  # most columns hold no dates: forty values tell
        if self.good:
            self._try(texts[40:], counts[40:])

    def best(self) -> str:
        """The pattern that reads most, empty when none."""
        return max(self.good, key=lambda pattern: self.good[pattern]) if self.good and self.total else ""

    def is_ambiguous(self, pattern: str) -> bool:
        """Whether day and month could also be swapped."""
        return self.good.get(_SWAPPED.get(pattern, ""), -1) == self.good.get(pattern)

    def _try(self, texts: list[str], counts: list[int]) -> None:
        self.total += sum(counts)
        for pattern in list(self.good):
            for text, count in zip(texts, counts, strict=True):
                if read(text, pattern) is not None:
                    self.good[pattern] += count
            if self.good[pattern] < 0.95 * self.total:
                del self.good[pattern]
        if ISO in self.good and len(self.zones) < 50:
            self.zones.update(zone_of(text) for text in texts)
