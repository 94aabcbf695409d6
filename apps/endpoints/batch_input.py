"""How many rows a batch input can hold at most, without parsing what strangers sent."""

import zipfile
from typing import IO

from contracts.problems import Problem

MAX_ROWS = 5_000_000
_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".zip": "zip"}


def input_format(file_name: str) -> str:
    """Return csv, jsonl or zip by the file's ending. Raises yours:file-format."""
    for ending, kind in _FORMATS.items():
        if file_name.lower().endswith(ending):
            return kind
    raise Problem("yours:file-format", "A batch takes .csv, .jsonl or .zip files, or a dataset version.")


def count_rows_at_most(file: IO[bytes], kind: str) -> int:
    """Return an upper bound of the rows: newlines for text (quoted ones count too), entries for a ZIP.

    The hold is made for it; the charge counts the rows that were answered.
    """
    file.seek(0)
    if kind == "zip":
        try:
            with zipfile.ZipFile(file) as archive:
                rows = sum(not entry.is_dir() for entry in archive.infolist())
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise Problem("yours:file-unreadable", "This is not a ZIP file.") from error
    else:
        rows, last = 0, b"\n"
        while chunk := file.read(1 << 20):
            rows += chunk.count(b"\n")
            last = chunk[-1:]
        rows += last != b"\n"
        rows -= kind == "csv"  # the header
    if rows > MAX_ROWS:
        raise Problem("yours:too-large", f"A batch takes at most {MAX_ROWS:,} rows; this file may hold {rows:,}.")
    return max(0, rows)
