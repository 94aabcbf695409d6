"""Text models as one ONNX graph: texts as strings in; splitting, counting and the transformer are all nodes.

Several text columns are joined by line breaks first. The pieces of a graph that two members need (the words of the
texts, their counts, the vectors of the transformer) are written once.
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto

from workers.export.graph import TEXT_OPSET, Graph
from workers.export.text_graph import TextGraph
from workers.export.transformer_onnx import Transformer, vectors
from workers.train.ngrams import Vocabulary
from workers.train.tokenise import SPACE, UNKNOWN, Alphabet, Splitter, Words

LEAST_WIDTH = 8  # columns of the matrix of numbers; TfIdfVectorizer wants room for its longest n-gram
LEAST_LENGTH = 1e-12
LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class Reading:
    """How texts become numbers, the same for every member of a model."""

    splitter: Splitter
    words: Words
    alphabet: Alphabet | None  # None: no member looks at characters


@dataclass(frozen=True)
class Counted:
    """A linear member on TF-IDF: per vocabulary its weights [D, C]; bias [C]."""

    blocks: list[tuple[Vocabulary, np.ndarray]]
    bias: np.ndarray


@dataclass(frozen=True)
class Embedded:
    """A linear member on the vectors of the transformer: weights [384, C], bias [C]."""

    weight: np.ndarray
    bias: np.ndarray


@dataclass
class TextGraphs:
    """One graph with its text inputs, and what has been written into it so far."""

    reading: Reading
    columns: dict[str, str]  # column name → tensor name
    transformer: Transformer | None = None
    graph: Graph = field(default_factory=lambda: Graph(TEXT_OPSET))
    _blocks: dict[int, tuple[str, str]] = field(default_factory=dict)
    _matrices: dict[str, str] = field(default_factory=dict)
    _vectors: str = ""

    def __post_init__(self) -> None:
        inputs = [self.graph.input(name, TensorProto.STRING, ["N", 1]) for name in self.columns.values()]
        texts = inputs[0]
        for more in inputs[1:]:
            texts = self.graph.add("StringConcat", texts, self.graph.strings(["\n"]))
            texts = self.graph.add("StringConcat", texts, more)
        self.texts = TextGraph(self.graph, texts, self.reading.splitter)

    def weighed(self, vocabulary: Vocabulary) -> tuple[str, str]:
        """log(1 + count) [N, D] and the length of the weighed row [N, 1]."""
        if id(vocabulary) not in self._blocks:
            counts = self._counts(vocabulary)
            logs = self.graph.add("Log", self.graph.add("Add", counts, self.graph.constant(np.float32(1))))
            squares = self.graph.constant((vocabulary.idf**2)[:, None])
            length = self.graph.add("Sqrt", self.graph.add("MatMul", self.graph.add("Mul", logs, logs), squares))
            length = self.graph.add("Max", length, self.graph.constant(np.float32(LEAST_LENGTH)))
            self._blocks[id(vocabulary)] = logs, length
        return self._blocks[id(vocabulary)]

    def _counts(self, vocabulary: Vocabulary) -> str:
        sizes = [size for size, grams in zip(vocabulary.kind.sizes, vocabulary.grams, strict=True) if len(grams)]
        starts, at = [0] * (sizes[-1]), 0
        for size, grams in zip(vocabulary.kind.sizes, vocabulary.grams, strict=True):
            if size <= sizes[-1]:
                starts[size - 1] = at
                at += grams.size
        return self.graph.add(
            "TfIdfVectorizer",
            self._matrix(vocabulary.kind.name),
            mode="TF",
            min_gram_length=sizes[0],
            max_gram_length=sizes[-1],
            max_skip_count=0,
            ngram_counts=starts,
            ngram_indexes=list(range(len(vocabulary))),
            pool_int64s=np.concatenate([grams.ravel() for grams in vocabulary.grams]).tolist(),
        )

    def _matrix(self, kind: str) -> str:
        if kind not in self._matrices:
            if kind == "words":
                words = self.reading.words
                stream = self.texts.words(words.numbers, words.separators, UNKNOWN)
                self._matrices[kind] = self.texts.matrix(stream, 0, LEAST_WIDTH)
            else:
                assert self.reading.alphabet is not None
                stream = self.texts.characters(self.reading.alphabet.numbers, UNKNOWN)
                self._matrices[kind] = self.texts.matrix(stream, SPACE, LEAST_WIDTH)
        return self._matrices[kind]

    def vectors(self) -> str:
        """Sentence vectors [N, 384] of length one."""
        if not self._vectors:
            assert self.transformer is not None
            self._vectors = vectors(self.texts, self.transformer)
        return self._vectors

    def linear(self, member: Counted | Embedded) -> str:
        """Raw scores [N, C] of a member."""
        add = self.graph.add
        if isinstance(member, Embedded):
            return add("Gemm", self.vectors(), *map(self.graph.constant, (member.weight, member.bias)))
        total = ""
        for vocabulary, weight in member.blocks:
            logs, length = self.weighed(vocabulary)
            raw = add("MatMul", logs, self.graph.constant(vocabulary.idf[:, None] * weight))
            share = add("Div", raw, length)
            total = add("Add", total, share) if total else share
        return add("Add", total, self.graph.constant(member.bias))

    def projected(self, blocks: list[tuple[Vocabulary, np.ndarray]]) -> str:
        """Weighed counts times one matrix per vocabulary, summed: [N, D]."""
        width = blocks[0][1].shape[1]
        return self.linear(Counted(blocks, np.zeros(width, np.float32)))


def classifier(
    graphs: TextGraphs,
    members: list[tuple[float, Counted | Embedded]],
    classes: list[str],
    temperature: float,
) -> onnx.ModelProto:
    """The weighted mean of the members' probabilities, cooled by the temperature."""
    graph, blended = graphs.graph, ""
    for weight, member in members:
        answer = graph.add("Softmax", graphs.linear(member), axis=1)
        share = graph.add("Mul", answer, graph.constant(np.float32(weight)))
        blended = graph.add("Add", blended, share) if blended else share
    floor = graph.add("Max", blended, graph.constant(np.float32(LEAST_PROBABILITY)))
    cooled = graph.add("Mul", graph.add("Log", floor), graph.constant(np.float32(1 / temperature)))
    graph.label_and_probabilities(graph.add("Softmax", cooled, axis=1), classes)
    return graph.finish("Raw texts in, one or several columns; split and counted inside by standard operators.")
