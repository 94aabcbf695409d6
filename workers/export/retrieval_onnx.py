"""Texts to vectors, and questions to ranked answers, as one ONNX graph on the streams of `text_onnx`."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from workers.export.graph import Graph
from workers.export.text_onnx import TextGraphs
from workers.train.ngrams import Vocabulary

LEAST_LENGTH = 1e-12


@dataclass(frozen=True)
class Latent:
    """Weighed counts times one matrix [D, W] per vocabulary."""

    blocks: list[tuple[Vocabulary, np.ndarray]]


@dataclass(frozen=True)
class Reduced:
    """Vectors of the transformer less a mean [384], times directions [384, W]."""

    mean: np.ndarray
    directions: np.ndarray


Embedding = Latent | Reduced


def embed(graphs: TextGraphs, part: Embedding) -> str:
    """[N, W] of length one; zeros where nothing of the text is known."""
    if isinstance(part, Latent):
        raw = graphs.projected(part.blocks)
    else:
        centred = graphs.graph.add("Sub", graphs.vectors(), graphs.graph.constant(part.mean))
        raw = graphs.graph.add("MatMul", centred, graphs.graph.constant(part.directions))
    return _unit(graphs.graph, raw)


def _unit(graph: Graph, raw: str) -> str:
    square = graph.add("ReduceSumSquare", raw, graph.constant(np.array([1], dtype=np.int64)), keepdims=1)
    length = graph.add("Max", graph.add("Sqrt", square), graph.constant(np.float32(LEAST_LENGTH)))
    return graph.add("Div", raw, length)


def embedding(graphs: TextGraphs, part: Embedding, width: int) -> onnx.ModelProto:
    graphs.graph.add("Identity", embed(graphs, part), output="vector")
    graphs.graph.output("vector", TensorProto.FLOAT, ["N", width])
    return graphs.graph.finish("Raw texts in, vectors of length one out.")


@dataclass(frozen=True)
class Index:
    """Vectors [Q, W] of all stored questions and answers in one embedding, weighed by its share in the score."""

    part: Embedding
    share: float
    stored: np.ndarray


def answers(
    graphs: TextGraphs, indexes: list[Index], owners: np.ndarray, texts: list[str], most: int
) -> onnx.ModelProto:
    """`owners` [S, A]: places of the stored vectors of each answer, -1 behind the last; the answer scores its best.

    Gives the `most` best answers and their scores, best first.
    """
    graph, total = graphs.graph, ""
    for index in indexes:
        asked = embed(graphs, index.part)
        scores = graph.add("MatMul", asked, graph.constant(index.stored.T * np.float32(index.share)))
        total = graph.add("Add", total, scores) if total else scores
    floor = graph.add("Expand", graph.constant(np.full((1, 1), -2, dtype=np.float32)), _rows_by_one(graph, total))
    padded = graph.add("Concat", total, floor, axis=1)  # -1 points here: below every score
    each = graph.add("Gather", padded, graph.constant(owners.astype(np.int64)), axis=1)  # [N, A, most stored]
    best = graph.add("ReduceMax", each, graph.constant(np.array([2], dtype=np.int64)), keepdims=0)
    k = graph.constant(np.array([min(most, len(texts))], dtype=np.int64))
    graph.node("TopK", [best, k], ["scores", "/places"], axis=1, largest=1, sorted=1)
    graph.add("Gather", graph.strings(texts), "/places", output="items", axis=0)
    graph.output("items", TensorProto.STRING, ["N", "K"])
    graph.output("scores", TensorProto.FLOAT, ["N", "K"])
    return graph.finish("A question in; the best stored answers and their scores out.")


def _rows_by_one(graph: Graph, matrix: str) -> str:
    rows = graph.add("Slice", graph.add("Shape", matrix), *(graph.constant(np.array([n], np.int64)) for n in (0, 1)))
    return graph.add("Concat", rows, graph.constant(np.array([1], dtype=np.int64)), axis=0)
