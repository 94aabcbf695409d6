"""The transformer inside a text graph: words to word pieces by tables, then the network, its weights as halves."""

import io
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper

from workers.export.graph import TEXT_OPSET, Graph
from workers.export.text_graph import Stream, TextGraph
from workers.train.minilm import CLOSE, OPEN, PAD, MiniLM, Pieces

HALF_FROM = 1_000  # values; smaller tensors stay as they are


@dataclass(frozen=True)
class Transformer:
    network: MiniLM
    pieces: Pieces
    most_tokens: int


def vectors(texts: TextGraph, transformer: Transformer) -> str:
    """[N, 384] of length one."""
    graph, pieces = texts.graph, transformer.pieces
    stream = texts.words(pieces.numbers, pieces.separators, pieces.unknown_row)
    table = graph.add("Gather", graph.constant(pieces.table), stream.values)  # [T, pieces]
    rows = graph.add("Unsqueeze", stream.rows, texts.number(1))
    rows = graph.add("Expand", rows, graph.add("Shape", table))
    flat = Stream(*(graph.add("Reshape", one, texts.number(-1)) for one in (table, rows)))
    numbers = texts.matrix(texts.kept(flat.values, flat.rows, absent=PAD), OPEN, 2, transformer.most_tokens - 1)
    return _network(graph, transformer.network, _closed(texts, numbers))


def _closed(texts: TextGraph, numbers: str) -> str:
    """CLOSE behind the last token of each row."""
    add, number = texts.graph.add, texts.number
    column = add("Expand", number(PAD), add("Concat", texts.texts, number(1), axis=0))
    wider = add("Concat", numbers, column, axis=1)
    is_token = add("Cast", add("Not", add("Equal", wider, number(PAD))), to=TensorProto.INT64)
    length = add("ReduceSum", is_token, number(1), keepdims=1)
    width = add("Gather", add("Shape", wider), texts.scalar(1))
    places = add("Range", texts.scalar(0), width, texts.scalar(1))
    closed = add("Where", add("Equal", places, length), number(CLOSE), wider)
    longest = add("Add", add("ReduceMax", length, keepdims=0), texts.scalar(1))
    return add("Slice", closed, number(0), add("Reshape", longest, number(1)), number(1))


def _network(graph: Graph, network: MiniLM, numbers: str) -> str:
    file = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            network.cpu().eval(),
            (torch.tensor([[OPEN, 2054, CLOSE], [OPEN, CLOSE, PAD]]),),
            file,  # type: ignore[arg-type]  # the older exporter takes a file object
            dynamo=False,
            opset_version=TEXT_OPSET,
            input_names=["numbers"],
            output_names=["vectors"],
            dynamic_axes={"numbers": {0: "N", 1: "L"}, "vectors": {0: "N"}},
        )
    inner = onnx.load_from_string(file.getvalue()).graph

    def renamed(name: str) -> str:
        return numbers if name == "numbers" else f"/net/{name}" if name else ""

    for tensor in inner.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= HALF_FROM:
            half = graph.constant(values.astype(np.float16))
            graph.add("Cast", half, output=renamed(tensor.name), to=TensorProto.FLOAT)
        else:
            graph.constants.append(numpy_helper.from_array(values, renamed(tensor.name)))
    for node in inner.node:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        del copy.input[:], copy.output[:]
        copy.input.extend(renamed(name) for name in node.input)
        copy.output.extend(renamed(name) for name in node.output)
        copy.name = f"/net/{node.name}"
        graph.nodes.append(copy)
    return renamed("vectors")
