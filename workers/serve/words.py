"""Cuts texts into the parts whose shares an explanation tells: words, or runs of words in a long text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.explanations import MOST_PARTS
from contracts.manifests import ColumnSpec

# Scripts that put no spaces between words are taken sign by sign, with what follows up to the next word.
_WORD = re.compile(r"(?:[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+)\s*")


@dataclass(frozen=True)
class Part:
    """Characters `start` to `end` of one column's text, with the white space that follows."""

    column: str
    start: int
    end: int


def parts_of(row: dict[str, Any], columns: Sequence[ColumnSpec]) -> list[Part]:
    """About MOST_PARTS in all at most; neighbouring words are joined where texts have more."""
    words = [
        Part(column.name, *found.span())
        for column in columns
        if isinstance(text := row.get(column.name), str)
        for found in _WORD.finditer(text)
    ]
    if len(words) <= MOST_PARTS:
        return words
    each = -(-len(words) // MOST_PARTS)
    joined: list[Part] = []
    for column in columns:
        own = [word for word in words if word.column == column.name]
        joined += [
            Part(column.name, run[0].start, run[-1].end)
            for run in (own[at : at + each] for at in range(0, len(own), each))
        ]
    return joined


def without(row: dict[str, Any], parts: Sequence[Part], kept: Iterable[bool]) -> dict[str, Any]:
    """The row with only the kept parts of its texts; what stands before the first word goes with it."""
    texts: dict[str, list[str]] = {part.column: [] for part in parts}
    for part, stays in zip(parts, kept, strict=True):
        if stays:
            texts[part.column].append(row[part.column][part.start : part.end])
    return row | {column: "".join(pieces) for column, pieces in texts.items()}
