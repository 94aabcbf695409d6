"""Rows with lists of names, as recommenders take them: the lists are padded to one width, the rest is a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from contracts.manifests import ColumnSpec, ModelManifest
from workers.serve.codecs import MAX_ERRORS, Row, TableCodec
from workers.serve.problems import Refused, field_error
from workers.serve.series_codec import NUMBERS_TYPE, SeriesCodec

LIST_MOST = 1_000  # names in one list
LIST_TYPE = "items"


def codec_of(manifest: ModelManifest) -> TableCodec | ListCodec | SeriesCodec:
    """The codec that a model without an image codec needs."""
    if any(column.type == NUMBERS_TYPE for column in manifest.columns):
        return SeriesCodec(manifest)
    has_lists = any(column.type == LIST_TYPE for column in manifest.columns)
    return ListCodec(manifest) if has_lists else TableCodec(manifest)


class ListCodec:
    """Takes what TableCodec takes, and columns of type `items`: [N, longest list] texts, padded with empty ones."""

    def __init__(self, manifest: ModelManifest) -> None:
        self._lists = [column for column in manifest.columns if column.type == LIST_TYPE]
        others = [column for column in manifest.columns if column.type != LIST_TYPE]
        self._table = TableCodec(replace(manifest, columns=others))
        self._names = {alias: column.name for column in manifest.columns for alias in column.aliases}
        texts = {spec.name for spec in manifest.inputs if spec.datatype == "BYTES"}
        # What is left out is filled in here, so that the table's quick path is open to rows that say little.
        self._blank = {column.name: _blank(column, column.tensor in texts) for column in others if column.tensor}

    def decode(self, rows: list[Row]) -> dict[str, Any]:
        """Return one tensor per input. Raises Refused naming rows and columns."""
        errors: list[dict[str, str]] = []
        plain: list[Any] = []
        lists: dict[str, list[list[str]]] = {column.name: [] for column in self._lists}
        for number, row in enumerate(rows):
            named = self._own_names(row)
            for column in self._lists:
                given = named.pop(column.name, None) if isinstance(named, dict) else None
                lists[column.name].append(_words(f"rows[{number}].{column.name}", given, errors))
            plain.append({**self._blank, **named} if isinstance(named, dict) else named)
        if errors:
            count = "One value is wrong" if len(errors) == 1 else f"{len(errors)} values are wrong"
            raise Refused("yours:row-invalid", f"{count}.", errors=errors[:MAX_ERRORS])
        feed = self._table.decode(plain)
        return feed | {column.tensor: _padded(lists[column.name]) for column in self._lists}

    def _own_names(self, row: Any) -> Any:
        """A copy without nulls in which aliases are replaced; the model's own name wins where both stand."""
        if not isinstance(row, dict):
            return row
        given = {name: value for name, value in row.items() if value is not None}
        renamed = {self._names[name]: value for name, value in given.items() if name in self._names}
        return renamed | {name: value for name, value in given.items() if name not in self._names}


def _blank(column: ColumnSpec, is_text: bool) -> Any:
    return column.default if column.default is not None else "" if is_text else None


def _words(where: str, given: Any, errors: list[dict[str, str]]) -> list[str]:
    """The names of one list; empty ones are left out, numbers are names too."""
    if given is None:
        return []
    fix = 'Send a list of names like ["a", "b"].'
    if not isinstance(given, list):
        kind = {dict: "an object", str: "a text", bool: "true or false"}.get(type(given), "a number")
        errors.append(field_error(where, f"expected a list, got {kind}", fix))
        return []
    if len(given) > LIST_MOST:
        errors.append(field_error(where, f"{len(given)} names; at most {LIST_MOST} are taken", "Send the latest ones."))
        return []
    words = []
    for place, one in enumerate(given):
        if isinstance(one, str):
            words.append(one)
        elif isinstance(one, int | float) and not isinstance(one, bool):
            words.append(str(int(one)) if float(one).is_integer() else str(one))
        elif one is not None:
            errors.append(field_error(f"{where}[{place}]", "expected a text", fix))
    return [word for word in words if word]


def _padded(lists: list[list[str]]) -> Any:
    """[N, longest] with at least one column."""
    width = max(1, max(map(len, lists), default=0))
    table = np.full((len(lists), width), "", dtype=object)
    for row, words in enumerate(lists):
        table[row, : len(words)] = words
    return table
