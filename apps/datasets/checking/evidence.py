"""What a column's values look like: gathered batch by batch over distinct values, so repeated ones cost nothing."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apps.datasets.checking import number_text
from apps.datasets.checking.date_text import DateEvidence
from apps.datasets.checking.distinct import Distinct

DEFAULT_MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "null", "NULL", "?")
_BOOLEANS = ("true", "false")
_ODD_SHOWN = 5


@dataclass
class Shape:
    """Counts of values (not of distinct ones)."""

    plain: int = 0  # numbers with a decimal point or none
    whole: int = 0
    leading_zero: int = 0
    comma: int = 0
    surely_comma: int = 0
    thousands: int = 0
    overflow: int = 0  # number-shaped, beyond 1.8e308
    infinite: int = 0  # the word
    long_digits: int = 0
    boolean: int = 0
    with_space: int = 0
    chars: int = 0
    words: int = 0
    longest: int = 0


class TextEvidence:
    """Evidence about one column of text."""

    def __init__(self, missing: tuple[str, ...], capacity: int) -> None:
        self._missing = pa.array(missing, pa.string())
        self.rows = 0
        self.missing = 0
        self.shape = Shape()
        self.distinct = Distinct(capacity)
        self.dates = DateEvidence()
        self.odd: list[str] = []  # first values that are no numbers
        self.out_of_range = False  # whole numbers beyond 64 bits

    @property
    def present(self) -> int:
        return self.rows - self.missing

    def add(self, column: pa.Array) -> None:
        self.rows += len(column)
        column = plain_text(column)
        trimmed = pc.utf8_trim_whitespace(column)
        is_missing = pc.or_kleene(pc.is_null(trimmed), pc.is_in(trimmed, value_set=self._missing))
        values = column.filter(pc.invert(pc.fill_null(is_missing, True)))
        self.missing += len(column) - len(values)
        if len(values) == 0:
            return
        tally = pc.value_counts(values)
        texts, counts = tally.field("values"), tally.field("counts").to_numpy()
        self.distinct.add(texts.to_pylist(), counts.tolist())  # as written, for categories are not trimmed
        trimmed_texts = pc.utf8_trim_whitespace(texts)
        self._measure(trimmed_texts, counts)
        if self.dates.is_open:
            self.dates.add(trimmed_texts.to_pylist(), counts.tolist())

    def _measure(self, texts: pa.Array, counts: np.ndarray) -> None:
        shape = self.shape
        is_plain = number_text.matches(texts, number_text.PLAIN)
        shape.plain += int(counts[is_plain].sum())
        if is_plain.any():
            self._measure_numbers(texts, counts)
        if not is_plain.all():
            self._measure_words(texts, counts, ~is_plain)

    def _measure_numbers(self, texts: pa.Array, counts: np.ndarray) -> None:
        shape = self.shape
        is_whole = number_text.matches(texts, number_text.WHOLE)
        shape.whole += int(counts[is_whole].sum())
        shape.leading_zero += int(counts[number_text.matches(texts, number_text.LEADING_ZERO)].sum())
        is_long = number_text.matches(texts, number_text.LONG_DIGITS)
        shape.long_digits += int(counts[is_long].sum())
        for text in texts.filter(pa.array(is_long)).to_pylist()[:1000]:
            self.out_of_range = self.out_of_range or len(text) > 25 or not -(2**63) <= int(text) < 2**63
        values = pc.cast(texts.filter(pa.array(number_text.matches(texts, number_text.PLAIN))), pa.float64())
        shape.overflow += int((~np.isfinite(values.to_numpy())).sum())

    def _measure_words(self, texts: pa.Array, counts: np.ndarray, is_word: np.ndarray) -> None:
        shape = self.shape
        lengths = pc.utf8_length(texts).to_numpy()
        spaces = pc.count_substring(texts, " ").to_numpy()
        shape.chars += int((lengths * counts)[is_word].sum())
        shape.words += int(((spaces + 1) * counts)[is_word].sum())
        shape.with_space += int(counts[is_word & (spaces > 0)].sum())
        shape.longest = max(shape.longest, int(lengths.max()))
        shape.comma += int(counts[number_text.matches(texts, number_text.COMMA)].sum())
        shape.surely_comma += int(counts[number_text.matches(texts, number_text.COMMA_SURELY_DECIMAL)].sum())
        shape.thousands += int(counts[number_text.matches(texts, number_text.THOUSANDS)].sum())
        shape.infinite += int(counts[number_text.matches(texts, number_text.INFINITE)].sum())
        is_boolean = pc.is_in(pc.utf8_lower(texts), value_set=pa.array(_BOOLEANS)).to_numpy(zero_copy_only=False)
        shape.boolean += int(counts[is_boolean].sum())
        if len(self.odd) < _ODD_SHOWN:
            more = texts.filter(pa.array(is_word)).to_pylist()[:_ODD_SHOWN]
            self.odd = [*self.odd, *(text[:40] for text in more)][:_ODD_SHOWN]


class TypedEvidence:
    """Evidence about a column that Parquet already types: "number", "boolean" or "datetime"."""

    def __init__(self, kind: str, capacity: int) -> None:
        self.kind = kind
        self.rows = 0
        self.missing = 0
        self.infinite = 0
        self.is_whole = True
        self.distinct = Distinct(capacity)

    @property
    def present(self) -> int:
        return self.rows - self.missing

    def add(self, column: pa.Array) -> None:
        self.rows += len(column)
        if pa.types.is_floating(column.type):
            self.is_whole = False
            self.infinite += pc.sum(pc.cast(pc.is_inf(column), pa.int64())).as_py() or 0
            column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
        elif pa.types.is_decimal(column.type) or pa.types.is_uint64(column.type):
            self.is_whole = False
        elif pa.types.is_timestamp(column.type):
            column = pc.cast(column, pa.int64())  # nanoseconds have no datetime in Python
        self.missing += column.null_count
        tally = pc.value_counts(column.drop_null())
        self.distinct.add(tally.field("values").to_pylist(), tally.field("counts").to_pylist())


def plain_text(column: pa.Array) -> pa.Array:
    """Plain string array of a text column, whatever way it is coded."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column if column.type == pa.string() else pc.cast(column, pa.string())
