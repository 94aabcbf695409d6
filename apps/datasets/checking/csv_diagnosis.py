"""Reads a faulty CSV line by line to say where it is wrong: ragged rows, endless fields, a quote never closed."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from apps.datasets.checking import limits
from apps.datasets.checking.findings import Refusal


def capped_lines(file: TextIO) -> Iterator[str]:
    """Lines of the file; one that never ends is refused instead of read."""
    number = 0
    while line := file.readline(limits.LINE_BYTES):
        number += 1
        if len(line) == limits.LINE_BYTES:
            raise Refusal(
                "yours:csv-field", f"A line is longer than {limits.LINE_BYTES:,} characters.", f"line {number}"
            )
        yield line


def diagnose(path: Path, separator: str, width: int, names: list[str]) -> None:
    """Raise the Refusal that names the first faults, or return when Python's reader finds none."""
    csv.field_size_limit(limits.FIELD_BYTES)
    ragged: list[tuple[str, str]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(capped_lines(file), delimiter=separator, strict=True)
        start = 1
        try:
            for row in reader:
                if row and len(row) != width:
                    ragged.append((f"line {start}", f"The row has {len(row)} fields, the header {width}."))
                if len(ragged) >= limits.PLACES_SHOWN:
                    break
                start = reader.line_num + 1
        except csv.Error as error:
            raise _quote_refusal(error, start, names, ragged) from error
    if ragged:
        raise Refusal("yours:csv-ragged", more=ragged)


def _quote_refusal(error: csv.Error, line: int, names: list[str], ragged: list[tuple[str, str]]) -> Refusal:
    place = f"line {line}" + (f", first column {names[0]!r}" if names else "")
    if "field larger" in str(error):
        return Refusal(
            "yours:csv-field", f"A field of this row is longer than {limits.FIELD_BYTES:,} characters.", place
        )
    if "unexpected end of data" in str(error):
        return Refusal("yours:csv-field", "A quote opened in this row is never closed.", place)
    found = [*ragged, (place, f"The quotes of this row do not match ({error}).")]
    return Refusal("yours:csv-ragged", more=found)
