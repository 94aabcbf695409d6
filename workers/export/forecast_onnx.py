"""Turns a fitted forecast into one ONNX graph: a known series' name or recent values in, H values with intervals out.

Inputs   series [N, 1] text (only where the data has several series), history [N, L] float32 with NaN where nothing is
         known (oldest first, so a short history stands at the right), last_time [N, 1] float64 seconds since 1970 of
         the last value (NaN: the data's own last time), horizon [N, 1] float32 (NaN: all H steps).
Outputs  value, lower, upper [N, H] float32; NaN beyond the horizon asked for, and everywhere when the series is unknown
         and no history is given.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from workers.export.graph import Graph
from workers.export.graph_ops import GraphOps, Node
from workers.train.forecast_forward import Member, Shape, forward


def to_onnx(
    members: list[tuple[float, Member]],
    bands: np.ndarray,
    shape: Shape,
    names: list[str],
    windows: np.ndarray,
    last_times: np.ndarray,
) -> onnx.ModelProto:
    """`names` [S] (empty: one nameless series), `windows` [S, L] float32, `last_times` [S]."""
    graph = Graph()
    ops = GraphOps(graph)
    stored, stored_time = _stored(graph, names, windows, last_times)
    history = graph.input("history", TensorProto.FLOAT, ["N", shape.window])
    asked_time = graph.input("last_time", TensorProto.DOUBLE, ["N", 1])
    horizon = graph.input("horizon", TensorProto.FLOAT, ["N", 1])
    sent = Node(ops, graph.add("Cast", history, to=TensorProto.DOUBLE))
    # A row of a history is either sent or not: any value in it means that it is.
    is_absent = Node(ops, _all_missing(graph, sent))
    window = ops.where(is_absent, Node(ops, stored), sent)
    time = Node(ops, asked_time)
    last_time = ops.where(ops.isnan(time), Node(ops, stored_time), time)
    answers = forward(ops, members, bands, window, last_time, shape)
    is_beyond = _beyond(graph, ops, horizon, shape.horizon)
    for name, answer in zip(("value", "lower", "upper"), answers, strict=True):
        graph.add("Cast", ops.where(is_beyond, np.nan, answer).name, to=TensorProto.FLOAT, output=name)
        graph.output(name, TensorProto.FLOAT, ["N", shape.horizon])
    return graph.finish(f"{shape.frequency.words} forecast, {shape.horizon} steps")


def _stored(graph: Graph, names: list[str], windows: np.ndarray, last_times: np.ndarray) -> tuple[str, str]:
    """Window and last time that stand in for what a row leaves out: [N, L] and [N, 1], or one for all rows."""
    newest = float(last_times.max())
    if not names:
        window = graph.add("Cast", graph.constant(windows[:1].astype(np.float32)), to=TensorProto.DOUBLE)
        return window, graph.constant(np.array([[newest]]))
    series = graph.input("series", TensorProto.STRING, ["N", 1])
    code = graph.add(
        "LabelEncoder",
        series,
        domain="ai.onnx.ml",
        keys_strings=names,
        values_int64s=list(range(1, len(names) + 1)),
        default_int64=0,
    )
    row = graph.add("Reshape", code, graph.constant(np.array([-1], dtype=np.int64)))
    unknown = np.full((1, windows.shape[1]), np.nan, dtype=np.float32)
    table = graph.constant(np.concatenate([unknown, windows.astype(np.float32)]))
    times = graph.constant(np.concatenate([[newest], last_times]).reshape(-1, 1))
    window = graph.add("Cast", graph.add("Gather", table, row, axis=0), to=TensorProto.DOUBLE)
    return window, graph.add("Gather", times, row, axis=0)


def _all_missing(graph: Graph, sent: Node) -> str:
    missing = graph.add("Cast", graph.add("IsNaN", sent.name), to=TensorProto.DOUBLE)
    least = graph.add("ReduceMin", missing, graph.constant(np.array([1], dtype=np.int64)), keepdims=1)
    return graph.add("Greater", least, graph.constant(np.array([[0.5]])))


def _beyond(graph: Graph, ops: Any, horizon: str, steps: int) -> Node:
    """[N, H]: whether a step lies beyond the horizon asked for; NaN compares false, so all steps are answered."""
    asked = graph.add("Cast", horizon, to=TensorProto.DOUBLE)
    ahead = graph.constant(np.arange(1.0, steps + 1)[None])
    return Node(ops, graph.add("Greater", ahead, asked))
