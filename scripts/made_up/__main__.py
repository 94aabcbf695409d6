"""Writes the made-up samples into examples/: the same bytes every time."""

import csv
import io
import sys
from pathlib import Path

from scripts.made_up import cafes, flats, purchases, questions, tickets

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SETS = {"flats": flats, "cafes": cafes, "purchases": purchases, "tickets": tickets, "questions": questions}


def content(name: str) -> bytes:
    """The CSV file of one set."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(SETS[name].HEADER)
    writer.writerows(SETS[name].rows())
    return sheet.getvalue().encode()


def main() -> int:
    """Write every file."""
    for name in SETS:
        folder = EXAMPLES / name
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.csv").write_bytes(content(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
