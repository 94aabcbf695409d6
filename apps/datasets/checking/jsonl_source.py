"""Streams JSON lines as batches of text columns. Numbers keep their digits; doubled names are refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from apps.datasets.checking import limits
from apps.datasets.checking.csv_diagnosis import capped_lines
from apps.datasets.checking.findings import Notes, Refusal
from apps.datasets.checking.header import column_names
from apps.datasets.checking.text_encoding import to_utf8

_BATCH_ROWS = 20_000
_BATCH_CHARS = 8 * limits.MIB


class JsonLinesSource:
    """The union of all keys makes the columns; a key that a line lacks is missing there."""

    def __init__(self, path: Path, folder: Path, notes: Notes) -> None:
        self._path = to_utf8(path, folder, notes).path
        keys: dict[str, None] = {}
        nested: dict[str, int] = {}
        for number, row in self._rows():
            for key, value in row.items():
                if isinstance(value, (dict, list)):
                    nested.setdefault(key, number)
            if keys.keys() >= row.keys():
                continue
            keys.update(dict.fromkeys(row))
            if len(keys) > limits.TABLE_COLUMNS:
                raise Refusal(
                    "yours:csv-columns", f"The lines have more than {limits.TABLE_COLUMNS:,} keys.", f"line {number}"
                )
        if not keys:
            raise Refusal("yours:file-empty", "No line holds a value.")
        for key, number in nested.items():
            notes.warn("data:nested-value", f"Column {key!r} holds lists or objects.", f"line {number}, column {key!r}")
        self._keys = list(keys)
        self.names = column_names(self._keys, notes)

    def batches(self) -> Iterator[pa.RecordBatch]:
        columns: list[list[str | None]] = [[] for _ in self._keys]
        chars = 0
        for _number, row in self._rows():
            for key, values in zip(self._keys, columns, strict=True):
                text = _as_text(row.get(key))
                chars += len(text or "")
                values.append(text)
            if len(columns[0]) >= _BATCH_ROWS or chars > _BATCH_CHARS:
                yield self._batch(columns)
                columns, chars = [[] for _ in self._keys], 0
        if columns[0]:
            yield self._batch(columns)

    def _batch(self, columns: list[list[str | None]]) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([pa.array(values, pa.string()) for values in columns], names=self.names)

    def _rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        rows = 0
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(capped_lines(file), start=1):
                if not line.strip():
                    continue
                rows += 1
                if rows > limits.TABLE_ROWS:
                    raise Refusal("yours:file-too-large", f"The file has more than {limits.TABLE_ROWS:,} lines.")
                yield number, _object(line, number)


def _object(line: str, number: int) -> dict[str, Any]:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise Refusal("yours:csv-duplicate-column", "A name appears twice in one object.", f"line {number}")
        return found

    try:
        value = json.loads(line, parse_float=str, parse_int=str, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error)
        raise Refusal("yours:file-unreadable", f"The line is not valid JSON: {reason}.", f"line {number}") from error
    if not isinstance(value, dict):
        raise Refusal("yours:file-unreadable", "Each line must hold one object, {column: value, …}.", f"line {number}")
    return value


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:  # NaN and Infinity arrive as floats, lists and objects stay JSON
        text = str(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
    if len(text) > limits.FIELD_BYTES:
        raise Refusal("yours:csv-field", f"A value has {len(text):,} characters.")
    return text.encode("utf-8", "replace").decode("utf-8")
