"""The same operations as `workers.train.numpy_ops`, writing nodes into a graph: everything float64, [N, …] batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from workers.export.graph import Graph
from workers.export.parts import Trees
from workers.export.trees_onnx import add_trees


class Node:
    """A value in the graph; arithmetic on it writes nodes."""

    def __init__(self, ops: GraphOps, name: str) -> None:
        self.ops, self.name = ops, name

    def __add__(self, other: Any) -> Node:
        return self.ops.of("Add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Node:
        return self.ops.of("Sub", self, other)

    def __rsub__(self, other: Any) -> Node:
        return self.ops.of("Sub", other, self)

    def __mul__(self, other: Any) -> Node:
        return self.ops.of("Mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Node:
        return self.ops.of("Div", self, other)


class GraphOps:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def name_of(self, value: Any) -> str:
        if isinstance(value, Node):
            return value.name
        return self.graph.constant(np.asarray(value, dtype=np.float64))

    def of(self, operator: str, *values: Any, **attributes: Any) -> Node:
        return Node(self, self.graph.add(operator, *(self.name_of(one) for one in values), **attributes))

    def _whole(self, values: Any) -> str:
        return self.graph.constant(np.asarray(values, dtype=np.int64))

    def constant(self, values: Any) -> Node:
        return Node(self, self.name_of(values))

    def floor(self, x: Node) -> Node:
        return self.of("Floor", x)

    def log(self, x: Node) -> Node:
        return self.of("Log", x)

    def exp(self, x: Node) -> Node:
        return self.of("Exp", x)

    def absolute(self, x: Node) -> Node:
        return self.of("Abs", x)

    def nearest(self, x: Node) -> Node:
        return self.of("Round", x)

    def isnan(self, x: Node) -> Node:
        return self.of("IsNaN", x)

    def where(self, condition: Node, yes: Any, no: Any) -> Node:
        return self.of("Where", condition, yes, no)

    def minimum(self, a: Any, b: Any) -> Node:
        return self.of("Min", a, b)

    def maximum(self, a: Any, b: Any) -> Node:
        return self.of("Max", a, b)

    def take(self, x: Node, places: np.ndarray) -> Node:
        return Node(self, self.graph.add("Gather", x.name, self._whole(places), axis=1))

    def product(self, x: Node, matrix: np.ndarray) -> Node:
        return self.of("MatMul", x, matrix)

    def mean(self, x: Node) -> Node:
        return Node(self, self.graph.add("ReduceMean", x.name, self._whole([1]), keepdims=1))

    def smallest(self, x: Node) -> Node:
        return Node(self, self.graph.add("ReduceMin", x.name, self._whole([1]), keepdims=1))

    def largest(self, x: Node) -> Node:
        return Node(self, self.graph.add("ReduceMax", x.name, self._whole([1]), keepdims=1))

    def add_axis(self, x: Node) -> Node:
        return Node(self, self.graph.add("Unsqueeze", x.name, self._whole([-1])))

    def join(self, parts: list[Node]) -> Node:
        """Concat does not broadcast, adding a zero of the others' shape does."""
        zero = self.graph.add("ReduceSum", parts[0].name, self._whole([-1]), keepdims=1)
        shape = Node(self, zero) * 0.0
        for one in parts[1:]:
            shape = shape + Node(self, self.graph.add("ReduceSum", one.name, self._whole([-1]), keepdims=1)) * 0.0
        wide = [(one + shape).name for one in parts]
        return Node(self, self.graph.add("Concat", *wide, axis=-1))

    def trees(self, x: Node, grown: Any, width: int, horizon: int) -> Node:
        rows = self.graph.add("Reshape", x.name, self._whole([-1, width]))
        rows = self.graph.add("Cast", self.graph.add("Cast", rows, to=TensorProto.FLOAT), to=TensorProto.DOUBLE)
        summed = add_trees(self.graph, rows, Trees(grown.base, grown.forest()))
        shaped = self.graph.add("Reshape", summed, self._whole([-1, horizon]))
        return Node(self, self.graph.add("Cast", shaped, to=TensorProto.DOUBLE))

    def network(self, x: Node, layers: Any) -> Node:
        straight, bias, into, into_bias, out = layers
        total = self.product(x, straight) + bias
        for k in range(len(into)):
            hidden = self.maximum(self.product(x, into[k]) + into_bias[k], 0.0)
            total = total + self.product(hidden, out[k])
        return total
