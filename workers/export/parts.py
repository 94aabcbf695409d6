"""What a tabular model is made of, free of any framework: training fills these, the exporter makes a graph of them."""

from dataclasses import dataclass, field
from typing import Any

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
class Features:
    numbers: Numbers
    categories: Categories


@dataclass(frozen=True)
class Dense:
    """K networks side by side on the dense features. Linear models are the case without hidden layers."""

    layers: list[tuple[np.ndarray, np.ndarray]]  # weight [K, in, out], bias [K, 1, out]; SiLU between layers


@dataclass(frozen=True)
class Trees:
    """Sum of trees on the tree features: LightGBM's own dump, class of tree i is i % outputs."""

    base: np.ndarray  # float64 [outputs], added to the sum
    trees: list[dict[str, Any]]


@dataclass(frozen=True)
class TabularModel:
    features: Features
    members: list[tuple[float, Dense | Trees]]  # weights sum to 1
    classes: list[str] = field(default_factory=list)  # empty: regression
    temperature: float = 1.0  # classification
    mean: float = 0.0  # regression: value = mean + scale × standardised output
    scale: float = 1.0
