"""Rows of JSON values to the tensors a table model takes, and every complaint a row can earn."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from contracts.manifests import ColumnSpec, ModelManifest
from contracts.moments import seconds_of
from workers.serve.problems import Refused, field_error

MAX_ERRORS = 20
FLOAT32_MAX = 3.4028234663852886e38
FEW = 128  # values
_PRESENT = {int, float}
_NUMBERS = {int, float, type(None)}
_TEXTS = {str}
_MISSING = object()
_TRUE = {"true", "yes", "t", "y"}
_FALSE = {"false", "no", "f", "n"}

Row = dict[str, Any]


class TableCodec:
    """Built once per model from its manifest; `decode` takes the rows of many requests at once.

    Columns that name the same input stand side by side in it, in the manifest's order: [N, columns].
    """

    def __init__(self, manifest: ModelManifest) -> None:
        datatypes = {spec.name: spec.datatype for spec in manifest.inputs}
        used = [column for column in manifest.columns if column.tensor in datatypes]
        by_tensor = {tensor: [c for c in used if c.tensor == tensor] for tensor in datatypes}
        self.numbers = [c for tensor, columns in by_tensor.items() if datatypes[tensor] != "BYTES" for c in columns]
        self.texts = [c for tensor, columns in by_tensor.items() if datatypes[tensor] == "BYTES" for c in columns]
        dtypes = {
            tensor: {"FP64": np.float64, "INT64": np.int64}.get(kind, np.float32) for tensor, kind in datatypes.items()
        }
        self._number_blocks = _blocks(self.numbers, dtypes)
        self._text_blocks = _blocks(self.texts, dtypes)
        self._dtype = np.float32 if all(block.dtype is np.float32 for block in self._number_blocks) else np.float64
        self._known = {column.name for column in manifest.columns} | {manifest.target}
        self._width = len(used)
        self._get_numbers = _tuple_getter([column.name for column in self.numbers])
        self._get_texts = _tuple_getter([column.name for column in self.texts])
        # Missing values are allowed in the quick path only where nothing has to be said or filled in.
        strict = [c.required or c.default is not None or dtypes[c.tensor] is np.int64 for c in self.numbers]
        self._strict = np.array(strict, dtype=bool)
        self._any_strict = any(strict)

    def decode(self, rows: list[Row]) -> dict[str, Any]:
        """Return one [N, columns] tensor per input. Raises Refused naming rows and columns."""
        feed = self._quick(rows)
        return self._careful(rows) if feed is None else feed

    def _quick(self, rows: list[Row]) -> dict[str, Any] | None:
        """All values of all rows at C speed; None when anything needs a closer look."""
        width, known = self._width, self._known
        feed: dict[str, Any] = {}
        try:
            for row in rows:
                if len(row) != width and not row.keys() <= known:
                    return None
            if self.numbers:
                matrix = self._matrix(rows)
                if matrix is None:
                    return None
                _put(feed, matrix, self._number_blocks)
            if self.texts:
                texts = list(map(self._get_texts, rows))
                if not set(map(type, chain.from_iterable(texts))) <= _TEXTS:
                    return None
                _put(feed, np.array(texts, dtype=object), self._text_blocks)
        except (AttributeError, KeyError, TypeError, OverflowError, ValueError):
            return None
        return feed

    def _matrix(self, rows: list[Row]) -> Any:
        """[rows, columns] numbers; None when one is no number, too large, or missing where it may not be."""
        values = list(chain.from_iterable(map(self._get_numbers, rows)))
        kinds = set(map(type, values))
        if len(values) <= FEW and kinds <= _PRESENT:  # for a row or two, numpy's calls cost more than Python's
            if max(values) > FLOAT32_MAX or min(values) < -FLOAT32_MAX:
                return None
            return np.array(values, dtype=self._dtype).reshape(len(rows), -1)
        if not kinds <= _NUMBERS:
            return None
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is found below
            matrix = np.array(values, dtype=self._dtype).reshape(len(rows), -1)
        if not np.isfinite(matrix).all() and not self._may_be_missing(matrix, values):
            return None
        return matrix

    def _may_be_missing(self, matrix: Any, values: list[Any]) -> bool:
        """Only nulls, and only in columns that may lack a value."""
        missing = np.isnan(matrix)
        if np.isinf(matrix).any() or (self._any_strict and missing[:, self._strict].any()):
            return False
        return int(missing.sum()) == values.count(None)

    def _careful(self, rows: list[Row]) -> dict[str, Any]:
        """Value by value, collecting what is wrong with words a person can act on."""
        errors: list[dict[str, str]] = []
        numbers: list[list[Any]] = []
        texts: list[list[Any]] = []
        for number, row in enumerate(rows):
            where = f"rows[{number}]"
            if not isinstance(row, dict):
                errors.append(field_error(where, "a row must be an object", 'Send {"column": value, …}.'))
            else:
                self._check_names(where, row, errors)
                numbers.append([_number(where, column, row, errors) for column in self.numbers])
                texts.append([_text(where, column, row, errors) for column in self.texts])
            if len(errors) >= MAX_ERRORS:
                break
        if errors:
            raise Refused("yours:row-invalid", f"{_count(len(errors))}.", errors=errors[:MAX_ERRORS])
        feed: dict[str, Any] = {}
        if self.numbers:
            _put(feed, np.array(numbers, dtype=self._dtype), self._number_blocks)
        if self.texts:
            _put(feed, np.array(texts, dtype=object), self._text_blocks)
        return feed

    def _check_names(self, where: str, row: Row, errors: list[dict[str, str]]) -> None:
        for name in row.keys() - self._known:
            close = difflib.get_close_matches(name, self._known, n=1)
            fix = f"Did you mean `{close[0]}`?" if close else "Leave it out; the endpoint's page lists the columns."
            errors.append(field_error(f"{where}.{name[:100]}", "the model has no such column", fix))


@dataclass(frozen=True)
class _Block:
    """The columns of one input."""

    tensor: str
    dtype: Any
    first: int
    end: int


def _blocks(columns: list[ColumnSpec], dtypes: dict[str, Any]) -> list[_Block]:
    """Where each input's columns stand; columns of one input are neighbours."""
    tensors = [column.tensor for column in columns]
    return [
        _Block(tensor, dtypes[tensor], tensors.index(tensor), tensors.index(tensor) + tensors.count(tensor))
        for tensor in dict.fromkeys(tensors)
    ]


def _put(feed: dict[str, Any], matrix: Any, blocks: list[_Block]) -> None:
    """Cut [N, columns] into one tensor per block."""
    if len(blocks) == 1:
        feed[blocks[0].tensor] = _as(matrix, blocks[0].dtype)
        return
    columns = list(np.ascontiguousarray(matrix.T)[:, :, None])  # one copy makes every single column contiguous
    for block in blocks:
        if block.end - block.first == 1:
            values = columns[block.first]
        else:
            values = np.ascontiguousarray(matrix[:, block.first : block.end])
        feed[block.tensor] = values if block.dtype is matrix.dtype.type else _as(values, block.dtype)


def _as(values: Any, dtype: Any) -> Any:
    return values if values.dtype == object else values.astype(dtype, copy=False)


def _number(where: str, column: ColumnSpec, row: Row, errors: list[dict[str, str]]) -> float:
    value = row.get(column.name, _MISSING)
    if value is _MISSING or value is None:
        return _absent(where, column, errors, math.nan)
    problem = ""
    fix = "Send a JSON number, like 1.5."
    if column.type == "boolean" and (isinstance(value, bool) or str(value).lower() in _TRUE | _FALSE):
        return 1.0 if value is True or str(value).lower() in _TRUE else 0.0
    if isinstance(value, bool):
        problem = "expected a number, got true or false"
    elif isinstance(value, int | float):
        if abs(value) <= FLOAT32_MAX:
            return float(value)
        problem = "the number is too large"
        fix = "Send a number between -3.4e38 and 3.4e38."
    elif isinstance(value, str) and column.type == "datetime":
        seconds = seconds_of(value)
        if seconds is not None:
            return seconds
        problem = f"expected a date or time, got the text {value[:50]!r}"
        fix = "Send it like 2024-03-05 or 2024-03-05T10:00:00Z, or as seconds since 1970."
    elif isinstance(value, str):
        problem = f"expected a number, got the text {value[:50]!r}"
        fix = (
            "Send it without quotes, with a point for decimals, like 1.5; leave it out or send null when it is missing."
        )
    else:
        problem = f"expected a number, got {'an object' if isinstance(value, dict) else 'a list'}"
    errors.append(field_error(f"{where}.{column.name}", problem, fix))
    return math.nan


def _text(where: str, column: ColumnSpec, row: Row, errors: list[dict[str, str]]) -> str:
    value = row.get(column.name, _MISSING)
    if value is _MISSING or value is None:
        return str(_absent(where, column, errors, ""))
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _as_trained(str(value).lower(), column)
    if isinstance(value, int | float):
        return _as_trained(str(value), column)
    kind = "an object" if isinstance(value, dict) else "a list"
    errors.append(field_error(f"{where}.{column.name}", f"expected a text, got {kind}", "Send a JSON string."))
    return ""


def _as_trained(text: str, column: ColumnSpec) -> str:
    """JSON's true, 1 and 1.0 as the training data spelled them, where it did."""
    spellings = [text, text.capitalize(), text.upper(), text.removesuffix(".0"), f"{text}.0"]
    return next((spelling for spelling in spellings if spelling in column.categories), text)


def _absent(where: str, column: ColumnSpec, errors: list[dict[str, str]], blank: Any) -> Any:
    if column.default is not None:
        return column.default
    if column.required:
        errors.append(field_error(f"{where}.{column.name}", "a value is required", f"Send a {column.type}."))
    return blank


def _count(errors: int) -> str:
    if errors >= MAX_ERRORS:
        return f"At least {MAX_ERRORS} values are wrong"
    return "One value is wrong" if errors == 1 else f"{errors} values are wrong"


def _tuple_getter(names: list[str]) -> Any:
    """itemgetter that returns a tuple for any number of names; a row that is no object raises TypeError."""
    if len(names) > 1:
        return itemgetter(*names)
    if names:
        (name,) = names
        return lambda row: (row[name],)
    return lambda row: ()
