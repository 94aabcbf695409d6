"""The model a text recipe leaves: its heads, how they answer together, and how it becomes a graph."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch

from contracts.manifests import OutputMeaning, TensorSpec
from workers.export import package, text_onnx
from workers.train import text_heads, text_reading
from workers.train.budget import Slice
from workers.train.ensemble import temper
from workers.train.text_data import TextData
from workers.train.text_heads import Layer
from workers.train.text_reading import Features
from workers.train.text_vectors import Vectors

KINDS: dict[str, tuple[str, ...]] = {"tfidf_words": ("words",), "tfidf_characters": ("words", "characters")}
PARITY_ROWS = {False: 1_000, True: 24}  # by whether the transformer, some 20 ms a text, is in the model
HARD_TEXTS = (
    "İSTANBUL çok güzel",
    "cafe\u0301 CAFÉ 👍🏽",
    "",
    " \t ",
    "東京はとても大きい。",
    "a\u200bb!!!!",
    "x" * 300,
)


@dataclass
class Member:
    """One family and its head."""

    family: str
    layer: Layer


@dataclass
class Fitted:
    data: TextData
    features: Features
    vectors: Vectors | None
    members: list[Member]
    weights: list[float]
    family: str
    temperature: float
    measured: list[Member] | None = None  # fits that never saw the test texts, where `members` have learnt from them
    inputs: dict[str, Any] = field(default_factory=dict)  # family → [all texts, D], as its head saw them

    reference_name = f"torch {torch.__version__}, numpy {np.__version__}"
    tolerance = None

    @property
    def method(self) -> str:
        if self.measured is None:
            return ""
        return (
            "The test texts were answered by a fit that never saw them. The model in the file has then learned "
            "from them, too: usually a little better."
        )

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities [N, C] of the fits that never saw the test texts, on what was read before."""
        blended = np.zeros((len(rows), len(self.data.classes)))
        for weight, member in zip(self.weights, self.measured or self.members, strict=True):
            blended += weight * text_heads.probabilities(self.inputs[member.family][rows], member.layer)
        return temper(blended, self.temperature)

    def answer(self, texts: list[str]) -> np.ndarray:
        blended = np.zeros((len(texts), len(self.data.classes)))
        for weight, member in zip(self.weights, self.members, strict=True):
            x: Any
            if member.family in KINDS:
                x = self.features.weigh(texts, self._kinds(member))
            else:
                assert self.vectors is not None
                x = self.vectors.of(self.features.reading.splitter, texts)
            blended += weight * text_heads.probabilities(x, member.layer)
        return temper(blended, self.temperature)

    def _kinds(self, member: Member) -> tuple[str, ...]:
        return kinds_of(member.family, self.features)

    def to_onnx(self) -> onnx.ModelProto:
        uses = self.vectors.transformer if self.vectors is not None else None
        graphs = text_onnx.TextGraphs(self.features.reading, self.data.tensors, uses)
        parts: list[tuple[float, text_onnx.Counted | text_onnx.Embedded]] = []
        for weight, member in zip(self.weights, self.members, strict=True):
            if member.family in KINDS:
                blocks = text_reading.split_weight(self.features, self._kinds(member), member.layer[0])
                parts.append((weight, text_onnx.Counted(blocks, member.layer[1])))
            else:
                parts.append((weight, text_onnx.Embedded(*member.layer)))
        return text_onnx.classifier(graphs, parts, self.data.classes, self.temperature)

    def parity_groups(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        """The texts themselves, then some that are hard to split."""
        rows = rows[: PARITY_ROWS[any(one.family not in KINDS for one in self.members)]]
        first = next(iter(self.data.tensors.values()))
        hard = {one: np.full((len(HARD_TEXTS), 1), "", dtype=object) for one in self.data.tensors.values()}
        hard[first][:, 0] = HARD_TEXTS
        tail = "\n" * (len(hard) - 1)
        return [
            (self.data.feed(rows), self.answer([self.data.texts[row] for row in rows])),
            (hard, self.answer([text + tail for text in HARD_TEXTS])),
        ]

    def judged(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        return [(self.data.feed(rows), self.data.truth[rows])]

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        return []  # there is one column; which words count differs from text to text

    def example(self, row: int) -> dict[str, Any]:
        return self.data.example(row)

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        return package.label_outputs(self.data.classes)

    def describe(self) -> dict[str, Any]:
        return self.data.describe()


def kinds_of(family: str, features: Features) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS[family] if kind in features.vocabularies)
