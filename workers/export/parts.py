"""What a tabular model is made of, free of any framework: training fills these, the exporter makes a graph of them."""

from dataclasses import dataclass, field, fields

import numpy as np


@dataclass(frozen=True)
class Numbers:
    """How number columns become features. Arrays are float32, one entry per column unless said otherwise."""

    names: list[str]
    median: np.ndarray  # stands in for a missing value
    keeps_nan: np.ndarray  # bool: missing seen in training, so trees learned a way for it and a flag column exists
    center: np.ndarray
    inverse_scale: np.ndarray
    knot_column: np.ndarray  # int64 [K]: column of each piecewise-linear step
    knot_low: np.ndarray  # float32 [K]
    knot_inverse_width: np.ndarray  # float32 [K]


@dataclass(frozen=True)
class Categories:
    """Vocabulary per text column; code i is the i-th word; `other` takes rare and unknown words when it is not -1."""

    names: list[str]
    words: list[list[str]]  # the empty string is a word where missing values were seen
    other: list[int]  # code of the bucket for everything else; -1: all zeros

    def widths(self) -> list[int]:
        return [len(words) + (other >= 0) for words, other in zip(self.words, self.other, strict=True)]


@dataclass(frozen=True)
class WordValue:
    """A number column made of a text column: each known word has its number, every other word the default."""

    name: str
    column: str
    words: list[str]
    values: np.ndarray  # float32, one per word
    default: float


@dataclass(frozen=True)
class DateParts:
    """Six number columns made of one column of seconds since 1970 (float64, UTC): see `DATE_PARTS`."""

    column: str

    def names(self) -> list[str]:
        return [f"{self.column} → {part}" for part in DATE_PARTS]


DATE_PARTS = ("days", "year", "month", "day", "weekday", "hour")
DATE_LEAST_S, DATE_MOST_S = -62_135_596_800.0, 253_402_300_799.0  # years 1 to 9999; beyond them is missing


@dataclass(frozen=True)
class Features:
    numbers: Numbers  # the columns of the dataset first, then what `words` and `dates` derive
    categories: Categories
    words: list[WordValue] = field(default_factory=list)
    dates: list[DateParts] = field(default_factory=list)

    def derived(self) -> list[str]:
        """Names of the number columns that are made in the graph."""
        return [one.name for one in self.words] + [name for one in self.dates for name in one.names()]

    def inputs(self) -> tuple[list[str], list[str], list[str]]:
        """Columns of the dataset that the graph takes: numbers (FP32), dates (FP64), texts."""
        made = set(self.derived())
        numbers = [name for name in self.numbers.names if name not in made]
        texts = dict.fromkeys([*self.categories.names, *(one.column for one in self.words)])
        return numbers, [one.column for one in self.dates], list(texts)


@dataclass(frozen=True)
class Dense:
    """K networks side by side on the dense features. Linear models are the case without hidden layers."""

    layers: list[tuple[np.ndarray, np.ndarray]]  # weight [K, in, out], bias [K, 1, out]; SiLU between layers


@dataclass(frozen=True)
class Tabm:
    """F fits of K networks that share their inner weights and differ by a scale per input; ReLU between layers."""

    adapter: np.ndarray  # [F, K, 1, D]: what each network makes of the inputs
    layers: list[tuple[np.ndarray, np.ndarray]]  # shared: weight [F, 1, in, out], bias [F, 1, 1, out]
    head: tuple[np.ndarray, np.ndarray]  # of each network: weight [F, K, in, out], bias [F, K, 1, out]


@dataclass(frozen=True)
class Forest:
    """Trees one after the other in flat arrays, one entry per node. A row goes left when its value <= threshold."""

    sizes: np.ndarray  # int64 [trees]: nodes of each tree; its first node is the root
    feature: np.ndarray  # int64 [nodes]
    threshold: np.ndarray  # float64 [nodes]
    left: np.ndarray  # int64 [nodes]: number of the left child within the tree; -1 in a leaf
    right: np.ndarray
    nan_left: np.ndarray  # bool [nodes]: a missing value goes left
    value: np.ndarray  # float64, in leaves: [nodes] feeds output i % outputs for tree i, [nodes, outputs] feeds all

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """(tree, number within the tree) of every node, int64 [nodes]."""
        tree = np.repeat(np.arange(len(self.sizes)), self.sizes)
        starts = np.cumsum(self.sizes) - self.sizes
        return tree, np.arange(len(tree)) - starts[tree]


def joined(forests: list[Forest]) -> Forest:
    """All trees of all forests as one."""
    names = [one.name for one in fields(Forest)]
    return Forest(*(np.concatenate([getattr(one, name) for one in forests]) for name in names))


@dataclass(frozen=True)
class Trees:
    """Sum of trees on the tree features, times `scale`."""

    base: np.ndarray  # float64 [outputs], added to the sum
    forest: Forest
    scale: float = 1.0
    is_share: bool = False  # classification: the sum is a probability already, else a logit


@dataclass(frozen=True)
class Weighted:
    """One family in the blend. Regression: value = mean + scale × output, and expm1 of that when learned in log."""

    weight: float
    body: Dense | Tabm | Trees
    mean: float = 0.0
    scale: float = 1.0
    log_most: float | None = None  # learned in log1p: the largest logarithm that is believed


@dataclass(frozen=True)
class TabularModel:
    features: Features
    members: list[Weighted]  # weights sum to 1
    classes: list[str] = field(default_factory=list)  # empty: regression
    temperature: float = 1.0  # classification
    threshold: float = 0.5  # two classes: the second is the label from this probability on
