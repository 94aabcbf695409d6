"""Rows of JSON values to the tensors a table model takes, and every complaint a row can earn."""

from __future__ import annotations

import difflib
import math
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from contracts.manifests import ColumnSpec, ModelManifest
from workers.serve.problems import Refused, field_error

MAX_ERRORS = 20
FLOAT32_MAX = 3.4028234663852886e38
_NUMBERS = {int, float, type(None)}
_TEXTS = {str}
_MISSING = object()
_TRUE = {"true", "yes", "t", "y"}
_FALSE = {"false", "no", "f", "n"}

Row = dict[str, Any]


class TableCodec:
    """Built once per model from its manifest; `decode` takes the rows of many requests at once."""

    def __init__(self, manifest: ModelManifest) -> None:
        datatypes = {spec.name: spec.datatype for spec in manifest.inputs}
        used = [column for column in manifest.columns if column.tensor in datatypes]
        self.numbers = [column for column in used if datatypes[column.tensor] != "BYTES"]
        self.texts = [column for column in used if datatypes[column.tensor] == "BYTES"]
        self._wide = any(datatypes[column.tensor] in ("FP64", "INT64") for column in self.numbers)
        self._dtypes = {
            column.tensor: {"FP64": np.float64, "INT64": np.int64}.get(datatypes[column.tensor], np.float32)
            for column in self.numbers
        }
        self._known = {column.name for column in manifest.columns} | {manifest.target}
        self._width = len(used)
        self._get_numbers = _tuple_getter([column.name for column in self.numbers])
        self._get_texts = _tuple_getter([column.name for column in self.texts])
        # Missing values are allowed in the quick path only where nothing has to be said or filled in.
        self._strict = np.array([self._needs_value(column) for column in self.numbers], dtype=bool)
        self._any_strict = bool(self._strict.any())

    def _needs_value(self, column: ColumnSpec) -> bool:
        return column.required or column.default is not None or self._dtypes[column.tensor] is np.int64

    def decode(self, rows: list[Row]) -> dict[str, Any]:
        """Return one [N, 1] tensor per used column. Raises Refused naming rows and columns."""
        feed = self._quick(rows)
        return self._careful(rows) if feed is None else feed

    def _quick(self, rows: list[Row]) -> dict[str, Any] | None:
        """All values of all rows at C speed; None when anything needs a closer look."""
        try:
            numbers = list(map(self._get_numbers, rows))
            texts = list(map(self._get_texts, rows))
        except (KeyError, TypeError):
            return None
        if not set(map(type, chain.from_iterable(numbers))) <= _NUMBERS:
            return None
        if not set(map(type, chain.from_iterable(texts))) <= _TEXTS:
            return None
        width, known = self._width, self._known
        for row in rows:
            if len(row) != width and not row.keys() <= known:
                return None
        feed: dict[str, Any] = {}
        if self.numbers:
            matrix = self._matrix(numbers)
            if matrix is None:
                return None
            for column, values in zip(self.numbers, matrix, strict=True):
                feed[column.tensor] = values.reshape(-1, 1).astype(self._dtypes[column.tensor], copy=False)
        if self.texts:
            table = np.array(texts, dtype=object)
            for place, column in enumerate(self.texts):
                feed[column.tensor] = table[:, place : place + 1]
        return feed

    def _matrix(self, numbers: list[tuple[Any, ...]]) -> Any:
        """[columns, rows], missing as NaN; None when a number does not fit."""
        try:
            wide = np.array(numbers, dtype=np.float64)
        except (OverflowError, ValueError, TypeError):
            return None
        largest = np.fmax.reduce(np.abs(wide), axis=None)
        if largest > FLOAT32_MAX:
            return None
        if self._any_strict and np.isnan(wide[:, self._strict]).any():
            return None
        return np.ascontiguousarray(wide.T, dtype=np.float64 if self._wide else np.float32)

    def _careful(self, rows: list[Row]) -> dict[str, Any]:
        """Value by value, collecting what is wrong with words a person can act on."""
        errors: list[dict[str, str]] = []
        columns: dict[str, list[Any]] = {column.tensor: [] for column in (*self.numbers, *self.texts)}
        for number, row in enumerate(rows):
            where = f"rows[{number}]"
            if not isinstance(row, dict):
                errors.append(field_error(where, "a row must be an object", 'Send {"column": value, …}.'))
            else:
                self._check_names(where, row, errors)
                for column in self.numbers:
                    columns[column.tensor].append(_number(where, column, row, errors))
                for column in self.texts:
                    columns[column.tensor].append(_text(where, column, row, errors))
            if len(errors) >= MAX_ERRORS:
                break
        if errors:
            raise Refused("yours:row-invalid", f"{_count(len(errors))}.", errors=errors[:MAX_ERRORS])
        feed: dict[str, Any] = {}
        for column in self.numbers:
            feed[column.tensor] = np.array(columns[column.tensor], dtype=self._dtypes[column.tensor]).reshape(-1, 1)
        for column in self.texts:
            feed[column.tensor] = np.array(columns[column.tensor], dtype=object).reshape(-1, 1)
        return feed

    def _check_names(self, where: str, row: Row, errors: list[dict[str, str]]) -> None:
        for name in row.keys() - self._known:
            close = difflib.get_close_matches(name, self._known, n=1)
            fix = f"Did you mean `{close[0]}`?" if close else "Leave it out; the endpoint's page lists the columns."
            errors.append(field_error(f"{where}.{name[:100]}", "the model has no such column", fix))


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
