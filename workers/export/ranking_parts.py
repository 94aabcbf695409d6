"""What a recommender is made of, free of any framework: training fills these, the exporter makes a graph of them."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Constant:
    """The same score for everybody: popularity."""

    scores: np.ndarray  # float32 [I]


@dataclass(frozen=True)
class Matrix:
    """A score for each item from each item of the history, all pairs."""

    values: np.ndarray  # float32 [I, I], row: met before, column: scored


@dataclass(frozen=True)
class Neighbours:
    """The same with only the T strongest entries of each row; the row of no item comes last and is empty."""

    items: np.ndarray  # int32 [I + 1, T]; I where a row has fewer
    values: np.ndarray  # float32 [I + 1, T]


@dataclass(frozen=True)
class Towers:
    """History → sum of its items' vectors, scaled to length one → one hidden step → product with each item's vector."""

    embed: np.ndarray  # float32 [I, D]
    weight: np.ndarray  # float32 [D, D]
    offset: np.ndarray  # float32 [D]
    out: np.ndarray  # float32 [D, I]
    bias: np.ndarray  # float32 [I]


Part = Constant | Matrix | Neighbours | Towers
PARTS: dict[str, type[Part]] = {one.__name__: one for one in (Constant, Matrix, Neighbours, Towers)}  # type: ignore[type-var]


@dataclass(frozen=True)
class RankingMember:
    """One family. Its scores are brought to mean 0 and spread 1 over the items before they are weighted and added."""

    family: str
    part: Part
    decay: float = 1.0  # weight of an event is decay ** (number of known items after it)
    uses_strength: bool = False  # stored events count by their rating or number
    reach: int = 0  # only so many of the latest events count; 0: all
    weight: float = 1.0


@dataclass(frozen=True)
class Ratings:
    """A rating for each (user, item): overall mean + user + item + product of vectors, cut to the scale seen."""

    mean: float
    user: np.ndarray  # float32 [U + 1]; the last is nobody
    item: np.ndarray  # float32 [I]
    user_vectors: np.ndarray  # float32 [U + 1, R]
    item_vectors: np.ndarray  # float32 [I, R]
    lowest: float
    highest: float


@dataclass(frozen=True)
class RankingModel:
    items: list[str]
    members: list[RankingMember]
    popularity: np.ndarray  # float32 [I], for users without a known item
    users: list[str] = field(default_factory=list)  # those whose history is stored
    starts: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))  # int64 [U + 1] into `stored`
    stored: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))  # int32 items, oldest first
    strengths: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))  # of the stored; empty: all 1
    ratings: Ratings | None = None
    most: int = 50  # items in the longest answer
