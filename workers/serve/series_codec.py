"""Rows that carry the latest values of a series: lists of numbers, right-aligned in a tensor of the model's length."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from contracts.manifests import ColumnSpec, ModelManifest
from workers.serve.codecs import FLOAT32_MAX, MAX_ERRORS, Row, TableCodec
from workers.serve.problems import Refused, field_error

NUMBERS_TYPE = "numbers"
NUMBERS_MOST = 100_000  # values in one list; the model looks at the last ones only
_LIST_FIX = "Send a list of numbers, oldest first, like [112, 118, 132]; null where a value is missing."
_TIME_FIX = "Send the time of the last value like 2026-01-31 or 2026-01-31T14:00:00Z."


class SeriesCodec:
    """Takes what TableCodec takes, columns of type `numbers`, and times as text; what is left out is not a number."""

    def __init__(self, manifest: ModelManifest) -> None:
        widths = {spec.name: spec.shape[-1] for spec in manifest.inputs}
        self._lists = [(column, widths[column.tensor]) for column in manifest.columns if column.type == NUMBERS_TYPE]
        self._times = [column for column in manifest.columns if column.type == "datetime" and column.tensor]
        others = [column for column in manifest.columns if column.type != NUMBERS_TYPE]
        self._table = TableCodec(replace(manifest, columns=others))
        texts = {spec.name for spec in manifest.inputs if spec.datatype == "BYTES"}
        self._blank = {column.name: "" if column.tensor in texts else None for column in others if column.tensor}
        self._names = {column.name for column, _ in self._lists}

    def decode(self, rows: list[Row]) -> dict[str, Any]:
        """Return one tensor per input. Raises Refused naming rows and columns."""
        errors: list[dict[str, str]] = []
        plain: list[Any] = []
        feed = {column.tensor: np.full((len(rows), width), np.nan, np.float32) for column, width in self._lists}
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                plain.append(row)
                continue
            where = f"rows[{number}]"
            for column, width in self._lists:
                values = _numbers(f"{where}.{column.name}", row.get(column.name), errors)[-width:]
                feed[column.tensor][number, width - len(values) :] = values
            rest = {name: value for name, value in row.items() if name not in self._names}
            for column in self._times:
                rest[column.name] = _seconds(f"{where}.{column.name}", column, rest.get(column.name), errors)
            plain.append({**self._blank, **rest})
        if errors:
            count = "One value is wrong" if len(errors) == 1 else f"{len(errors)} values are wrong"
            raise Refused("yours:row-invalid", f"{count}.", errors=errors[:MAX_ERRORS])
        return self._table.decode(plain) | feed


def _numbers(where: str, given: Any, errors: list[dict[str, str]]) -> list[float]:
    if given is None:
        return []
    if not isinstance(given, list):
        errors.append(field_error(where, "expected a list of numbers", _LIST_FIX))
        return []
    if len(given) > NUMBERS_MOST:
        errors.append(
            field_error(where, f"{len(given)} values; at most {NUMBERS_MOST} are taken", "Send the last ones.")
        )
        return []
    values = []
    for place, one in enumerate(given):
        if one is None:
            values.append(math.nan)
        elif isinstance(one, int | float) and not isinstance(one, bool) and abs(one) <= FLOAT32_MAX:
            values.append(float(one))
        else:
            errors.append(field_error(f"{where}[{place}]", "expected a number", _LIST_FIX))
            break
    return values


def _seconds(where: str, column: ColumnSpec, given: Any, errors: list[dict[str, str]]) -> float | None:
    """Seconds since 1970 of an ISO 8601 text; times without a zone are UTC. Numbers are seconds already."""
    if given is None or given == "" or (isinstance(given, int | float) and not isinstance(given, bool)):
        return given or None
    try:
        moment = datetime.fromisoformat(f"{given}-01" if len(str(given)) == 7 else str(given))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        errors.append(field_error(where, "expected a date or a time", _TIME_FIX))
        return None
