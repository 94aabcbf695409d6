"""A small notebook for writing ONNX graphs by hand: nodes, constants and names in order."""

import itertools
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 19  # newest that every runtime we tried reads; has Resize, LabelEncoder strings and IsNaN as needed
ML_OPSET = 3  # first with trees in double precision
IR_VERSION = 9


class Graph:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._number = itertools.count()

    def name(self, hint: str) -> str:
        """Inner names start with a slash, so no column name can collide with them."""
        return f"/{hint}/{next(self._number)}"

    def add(self, operator: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any) -> str:
        output = output or self.name(operator)
        self.nodes.append(
            helper.make_node(operator, list(inputs), [output], domain=domain, name=self.name("node"), **attributes)
        )
        return output

    def constant(self, values: np.ndarray | np.floating) -> str:
        name = self.name("constant")
        self.constants.append(numpy_helper.from_array(np.array(values), name))
        return name

    def strings(self, words: list[str]) -> str:
        name = self.name("strings")
        self.constants.append(
            helper.make_tensor(name, TensorProto.STRING, [len(words)], [word.encode() for word in words])  # type: ignore[misc]
        )
        return name

    def input(self, name: str, kind: int, shape: list[Any]) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, kind: int, shape: list[Any]) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def label_and_probabilities(self, probabilities: str, classes: list[str]) -> None:
        """Both classification outputs: the label is looked up by the most likely class (no ZipMap, plain tensors)."""
        self.add("Identity", probabilities, output="probabilities")
        best = self.add("ArgMax", probabilities, axis=1, keepdims=0)
        self.add("Gather", self.strings(classes), best, output="label", axis=0)
        self.output("label", TensorProto.STRING, ["N"])
        self.output("probabilities", TensorProto.FLOAT, ["N", len(classes)])

    def finish(self, description: str) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "modelyard", self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="modelyard", doc_string=description
        )
        onnx.checker.check_model(model, full_check=True)
        return model
