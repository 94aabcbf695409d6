"""Writes the steps of `workers.train.tokenise` as nodes: texts in, ragged streams of words and of code points out.

A ragged list is three tensors: what (strings or numbers, [T]), the tag behind it [T], and from both the row [T]. The
first element is a dummy, cut off at the end of each stage: with it no tensor is ever empty, and a StringSplit of
empty strings alone would have no column to gather from.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto

from workers.export.graph import Graph
from workers.train import tokenise
from workers.train.tokenise import RAW_BYTE, RESIDUE, Splitter


def whole(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@dataclass(frozen=True)
class Stream:
    """Numbers [T] of all texts one after the other, and the text each belongs to."""

    values: str
    rows: str


class TextGraph:
    """The nodes that take texts [N, 1] apart; asked for words or characters, it adds what is missing."""

    def __init__(self, graph: Graph, texts: str, splitter: Splitter) -> None:
        self.graph, self.splitter = graph, splitter
        self._constants: dict[tuple[int, ...], str] = {}
        flat = graph.add("Reshape", texts, self.number(-1))
        self.texts = graph.add("Shape", flat)  # [1]: N
        pieces, tags = self._first(flat)
        for separator in splitter.separators:
            step = splitter.tag(separator), tokenise.SEPARATOR_SPLITS_MOST
            pieces, tags = self._split(pieces, tags, separator.encode(), *step)
        self._words, self._tags = pieces, tags  # with the dummy

    def number(self, *values: int) -> str:
        if values not in self._constants:
            self._constants[values] = self.graph.constant(whole(*values))
        return self._constants[values]

    def scalar(self, value: int) -> str:
        return self.graph.constant(np.array(value, dtype=np.int64))

    def _first(self, texts: str) -> tuple[str, str]:
        """Pieces [1 + T] and tags: the separator behind each, or -(row + 1) for the last of a row."""
        add = self.graph.add
        texts = add("Concat", self.graph.strings([tokenise.DUMMY]), texts, axis=0)  # so row r stands at r + 1
        parts, counts = self._string_split(texts, self.splitter.first.encode(), None)
        counts = add("Min", counts, self.number(tokenise.WORDS_MOST))
        longest = add("ReduceMax", counts, keepdims=0)
        places = add("Range", self.scalar(0), longest, self.scalar(1))
        inside = add("Less", places, add("Unsqueeze", counts, self.number(1)))
        inside = add("Transpose", add("NonZero", inside), perm=[1, 0])  # [1 + T, 2]
        row, place = (add("Squeeze", one, self.number(1)) for one in self._halves(inside))
        is_last = add("Equal", place, add("Sub", add("Gather", counts, row), self.number(1)))
        tags = add("Where", is_last, add("Neg", row), self.number(self.splitter.tag(self.splitter.first)))
        return add("GatherND", parts, inside), tags

    def _halves(self, pairs: str) -> list[str]:
        names = [self.graph.name("half"), self.graph.name("half")]
        self.graph.node("Split", [pairs], names, axis=1, num_outputs=2)
        return names

    def _string_split(self, texts: str, delimiter: bytes, most: int | None) -> tuple[str, str]:
        names = self.graph.name("parts"), self.graph.name("counts")
        limit: dict[str, Any] = {"maxsplit": most} if most else {}
        self.graph.node("StringSplit", [texts], list(names), delimiter=delimiter, **limit)
        return names

    def _split(self, pieces: str, tags: str, delimiter: bytes, tag: int, most: int) -> tuple[str, str]:
        """One step: pieces fall apart at the delimiter, `tag` stands behind all parts but the last of a piece."""
        add = self.graph.add
        parts, counts = self._string_split(pieces, delimiter, most)
        column = add("Unsqueeze", add("Max", counts, self.number(1)), self.number(1))
        places, behind = self.number(*range(most + 1)), self.number(*range(1, most + 2))
        inside = add("Transpose", add("NonZero", add("Less", places, column)), perm=[1, 0])
        spread = add("Where", add("Less", behind, column), self.number(tag), add("Unsqueeze", tags, self.number(1)))
        return add("GatherND", parts, inside), add("GatherND", spread, inside)

    def _without_dummy(self, values: str) -> str:
        return self.graph.add("Slice", values, self.number(1), self.number(np.iinfo(np.int64).max), self.number(0))

    def _rows(self, tags: str) -> str:
        """[T] rows: each element belongs to the row named by the next negative tag."""
        add = self.graph.add
        is_end = add("Less", tags, self.number(0))
        ends = add("Compress", tags, is_end, axis=0)
        before = add("CumSum", add("Cast", is_end, to=TensorProto.INT64), self.scalar(0), exclusive=1)
        return add("Sub", add("Neg", add("Gather", ends, before)), self.number(1))

    def words(self, numbers: dict[str, int], separators: dict[int, int], unknown: int) -> Stream:
        """Token numbers; 0 (nothing) is left out."""
        keys = {"": 0, **numbers}
        add = self.graph.add
        word = add(
            "LabelEncoder",
            self._without_dummy(self._words),
            domain="ai.onnx.ml",
            keys_strings=list(keys),
            values_int64s=list(keys.values()),
            default_int64=unknown,
        )
        tags = self._without_dummy(self._tags)
        mark = self._look_up(tags, separators, 0)
        return self._woven(word, mark, tags)

    def _look_up(self, values: str, table: dict[int, int], default: int) -> str:
        table = table or {-(2**62): default}  # the operator wants one key
        return self.graph.add(
            "LabelEncoder",
            values,
            domain="ai.onnx.ml",
            keys_int64s=list(table),
            values_int64s=list(table.values()),
            default_int64=default,
        )

    def _woven(self, values: str, marks: str, tags: str) -> Stream:
        """value, mark, value, mark … without zeros."""
        add = self.graph.add
        column = self.number(1)
        both = add("Concat", add("Unsqueeze", values, column), add("Unsqueeze", marks, column), axis=1)
        rows = add("Unsqueeze", self._rows(tags), column)
        twice = add("Concat", rows, rows, axis=1)
        flat = [add("Reshape", one, self.number(-1)) for one in (both, twice)]
        return self.kept(flat[0], flat[1], absent=0)

    def kept(self, values: str, rows: str, absent: int) -> Stream:
        keep = self.graph.add("Not", self.graph.add("Equal", values, self.number(absent)))
        return self._where(Stream(values, rows), keep)

    def _where(self, stream: Stream, keep: str) -> Stream:
        return Stream(*(self.graph.add("Compress", one, keep, axis=0) for one in (stream.values, stream.rows)))

    def characters(self, alphabet: dict[int, int], unknown: int) -> Stream:
        """Folded characters of all texts; the space that opens each text is left to `matrix`."""
        pieces, tags = self._words, self._tags
        for letter in self.splitter.letters:
            tag = letter[0] if letter[0] < 128 else RAW_BYTE + letter[0]
            pieces, tags = self._split(pieces, tags, letter, tag, tokenise.LETTER_SPLITS_MOST)
        pieces, tags = self._without_dummy(pieces), self._without_dummy(tags)
        add = self.graph.add
        is_empty = add("Equal", pieces, self.graph.strings([""]))
        rest = add("Where", is_empty, self.number(0), self.number(RESIDUE))
        shown = add("Where", add("Less", tags, self.number(0)), self.number(32), tags)
        points = self._joined(self._woven(rest, shown, tags))
        before = add("Slice", add("Concat", self.number(32), points.values, axis=0), self.number(0), self.number(-1))
        space = self.number(32)
        twice = add("And", add("Equal", points.values, space), add("Equal", before, space))
        once = self._where(points, add("Not", twice))
        return self.kept(self._look_up(once.values, alphabet, unknown), once.rows, absent=0)

    def _joined(self, stream: Stream) -> Stream:
        """Bytes beyond ASCII become code points: `tokenise.joined`."""
        add, number = self.graph.add, self.number
        raw = add("Sub", stream.values, number(RAW_BYTE))
        is_following = add("And", add("GreaterOrEqual", raw, number(0x80)), add("Less", raw, number(0xC0)))
        low = add("Where", is_following, add("Mod", raw, number(64)), number(0))
        padded = add("Concat", low, number(0, 0, 0), axis=0)
        size = add("Shape", low)
        nexts = [add("Slice", padded, number(n), add("Add", size, number(n))) for n in (1, 2, 3)]

        def times(value: str, factor: int) -> str:
            return add("Mul", value, number(factor))

        two = add("Add", times(add("Mod", raw, number(32)), 64), nexts[0])
        three = add("Add", add("Add", times(add("Mod", raw, number(16)), 4096), times(nexts[0], 64)), nexts[1])
        four = add("Add", times(add("Mod", raw, number(8)), 262144), times(nexts[0], 4096))
        four = add("Add", four, add("Add", times(nexts[1], 64), nexts[2]))
        points = stream.values
        for least, value in ((0xC0, two), (0xE0, three), (0xF0, four)):
            points = add("Where", add("GreaterOrEqual", raw, number(least)), value, points)
        return self._where(Stream(points, stream.rows), add("Not", is_following))

    def matrix(self, stream: Stream, opening: int, least_width: int, most_width: int = 0) -> str:
        """[N, L] numbers, each row opened by `opening` (0: nothing opens it) and filled up with zeros."""
        add, number = self.graph.add, self.number
        rows = add("Unsqueeze", stream.rows, number(1))  # [T, 1]
        ones = add("Expand", number(1), add("Shape", stream.values))
        none = add("Expand", number(0), self.texts)
        counts = self._scatter(none, rows, ones, reduction="add")
        starts = add("CumSum", counts, self.scalar(0), exclusive=1)
        places = add("CumSum", ones, self.scalar(0), exclusive=1)
        places = add("Sub", places, add("Gather", starts, stream.rows))
        lead = 1 if opening else 0
        places = add("Add", places, number(lead)) if lead else places
        values = stream.values
        if most_width:
            inside = add("Less", places, number(most_width))
            values, rows, places = (add("Compress", one, inside, axis=0) for one in (values, rows, places))
        longest = add("ReduceMax", counts, keepdims=1)
        width = add("Max", add("Add", longest, number(lead)), number(least_width))
        width = add("Min", width, number(most_width)) if most_width else width
        blank = add("Expand", number(0), add("Concat", self.texts, width, axis=0))
        at = add("Concat", rows, add("Unsqueeze", places, number(1)), axis=1)
        filled = self._scatter(blank, at, values)
        if not lead:
            return filled
        column = add("Expand", number(opening), add("Concat", self.texts, number(1), axis=0))
        rest = add("Slice", filled, number(1), number(np.iinfo(np.int64).max), number(1))
        return add("Concat", column, rest, axis=1)

    def _scatter(self, into: str, at: str, values: str, **attributes: str) -> str:
        return self.graph.add("ScatterND", into, at, values, **attributes)
