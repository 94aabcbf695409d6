"""The two ways texts become vectors: latent semantic analysis of TF-IDF, and MiniLM with fewer dimensions if wished."""

from dataclasses import dataclass

import numpy as np

from workers.export.retrieval_onnx import Embedding, Latent, Reduced
from workers.export.text_onnx import TextGraphs
from workers.train import projection, text_reading
from workers.train.budget import Slice
from workers.train.context import RunContext
from workers.train.text_reading import Features
from workers.train.text_vectors import Vectors, embed_all

LATENT_WIDTH = 384
KINDS = ("words", "characters")


@dataclass
class Embedder:
    """Texts → [N, width] float32, rows of length one, by numpy and torch: the reference of the graph."""

    family: str  # "lsa" | "minilm"
    features: Features
    directions: np.ndarray
    mean: np.ndarray
    share: float  # of the variance that the directions hold
    vectors: Vectors | None = None

    @property
    def width(self) -> int:
        return int(self.directions.shape[1])

    def of(self, texts: list[str]) -> np.ndarray:
        if self.vectors is None:
            return projection.unit(self.features.weigh(texts, self._kinds) @ self.directions)
        return self._reduced(self.vectors.of(self.features.reading.splitter, texts))

    def of_known(self, rows: np.ndarray, texts: list[str]) -> np.ndarray:
        """Like `of` for texts of the run, whose vectors are already made where there are any."""
        if self.vectors is None:
            return self.of(texts)
        return self._reduced(self.vectors.x[rows])

    def _reduced(self, raw: np.ndarray) -> np.ndarray:
        return projection.unit((raw - self.mean) @ self.directions)

    @property
    def _kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in KINDS if kind in self.features.vocabularies)

    def part(self) -> Embedding:
        if self.vectors is None:
            return Latent(text_reading.split_weight(self.features, self._kinds, self.directions))
        return Reduced(self.mean, self.directions)


def fit_lsa(features: Features, texts: list[str], width: int, seed: int) -> Embedder | None:
    """Learnt from `texts`; None where they share nothing that could be counted."""
    kinds = tuple(kind for kind in KINDS if kind in features.vocabularies)
    if not kinds or len(texts) < 3:
        return None
    directions, share = projection.latent(features.weigh(texts, kinds), width, seed)
    return Embedder("lsa", features, directions, np.zeros(1, np.float32), share)


def fit_minilm(
    run: RunContext, features: Features, texts: list[str], learnt: np.ndarray, width: int, time: Slice
) -> Embedder | str:
    """All texts are read, directions come from texts[learnt] when fewer than 384 are wished; else why not."""
    known = [texts[row] for row in learnt]
    splitter = features.reading.splitter
    found = embed_all(run, splitter, texts, np.arange(len(texts)), len(texts), known, time)
    if isinstance(found, str):
        return found
    full = found.x.shape[1]
    mean, directions, share = np.zeros(full, np.float32), np.eye(full, dtype=np.float32), 1.0
    if width and width < full:
        mean, directions, share = projection.principal(found.x[learnt], width)
    return Embedder("minilm", features, directions, mean, share, found)


def graphs_for(embedders: list[Embedder], columns: dict[str, str]) -> TextGraphs:
    """An empty graph that all these embedders can be written into."""
    uses = next((one.vectors.transformer for one in embedders if one.vectors is not None), None)
    return TextGraphs(embedders[0].features.reading, columns, uses)


def ranks(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Place (from 1) of column right[i] in row i; a draw counts as half the drawn places."""
    own = scores[np.arange(len(right)), right][:, None]
    better, equal = (scores > own + 1e-9).sum(axis=1), (np.abs(scores - own) <= 1e-9).sum(axis=1)
    return np.asarray(1 + better + (equal - 1) / 2)


def of_ranks(places: np.ndarray) -> dict[str, float]:
    return {
        "mrr": float((1 / places).mean()),
        "hit@1": float((places <= 1).mean()),
        "hit@5": float((places <= 5).mean()),
    }


def by_chance(choices: int) -> dict[str, float]:
    """What an order drawn at random scores on average."""
    return {
        "mrr": float((1 / np.arange(1, choices + 1)).mean()),
        "hit@1": 1 / choices,
        "hit@5": min(1.0, 5 / choices),
    }
