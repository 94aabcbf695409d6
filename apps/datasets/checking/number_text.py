"""Numbers as people write them: 12, -3.5e4, 1,5 (decimal comma), 1,234 (thousands), and what only looks like one."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?$"
WHOLE = r"^[+-]?\d+$"
LEADING_ZERO = r"^[+-]?0\d+$"
COMMA = r"^[+-]?\d*,\d+$"
COMMA_SURELY_DECIMAL = r"^[+-]?(\d*,(\d{1,2}|\d{4,})|0,\d+|\d{4,},\d+)$"
THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
INFINITE = r"(?i)^[+-]?inf(inity)?$"
LONG_DIGITS = r"^[+-]?\d{16,}$"


def matches(texts: pa.Array, pattern: str) -> np.ndarray:
    """Boolean mask of the texts that match (nulls do not)."""
    return pc.fill_null(pc.match_substring_regex(texts, pattern), False).to_numpy(zero_copy_only=False)


def parse(texts: pa.Array, style: str) -> pa.Array:
    """float64 of trimmed texts in a style ("plain", "comma", "thousands"); what is no finite number becomes null."""
    if style == "comma":
        texts = pc.replace_substring(texts, ",", ".")
    elif style == "thousands":
        texts = pc.replace_substring(texts, ",", "")
    is_number = pc.match_substring_regex(texts, PLAIN)
    values = pc.cast(pc.if_else(is_number, texts, pa.scalar(None, pa.string())), pa.float64())
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))


def parse_whole(texts: pa.Array) -> pa.Array:
    """int64 of trimmed texts that are all whole numbers within range."""
    return pc.cast(pc.replace_substring_regex(texts, r"^\+", ""), pa.int64())
