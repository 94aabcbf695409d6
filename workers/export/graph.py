"""A small notebook for writing ONNX graphs by hand: nodes, constants and names in order."""

import itertools
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 19  # newest that every runtime we tried reads; has Resize, LabelEncoder strings and IsNaN as needed
TEXT_OPSET = 20  # first with StringSplit
ML_OPSET = 3  # first with trees in double precision
IR_VERSION = 9


class Graph:
    def __init__(self, opset: int = OPSET) -> None:
        self.opset = opset
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
        self.node(operator, list(inputs), [output], domain=domain, **attributes)
        return output

    def node(self, operator: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any) -> None:
        """For operators with several outputs."""
        self.nodes.append(
            helper.make_node(operator, inputs, outputs, domain=domain, name=self.name("node"), **attributes)
        )

    def add_big(self, operator: str, *inputs: str, domain: str, lists: dict[str, np.ndarray], **attributes: Any) -> str:
        """Like `add` for attributes of very many numbers or words (bytes): onnx's own helper looks at each one."""
        output = self.add(operator, *inputs, domain=domain, **attributes)
        for name, values in lists.items():
            attribute = self.nodes[-1].attribute.add()
            attribute.name = name
            if values.dtype.kind == "S":
                attribute.type = onnx.AttributeProto.STRINGS
                attribute.strings.extend(values.tolist())
            else:
                attribute.type = onnx.AttributeProto.INTS
                attribute.ints.extend(values.tolist())
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

    def label_and_probabilities(self, probabilities: str, classes: list[str], threshold: float = 0.5) -> None:
        """Both classification outputs: the label is looked up by the most likely class (no ZipMap, plain tensors).

        With two classes and another threshold than one half, the label is the second class from the threshold on.
        """
        self.add("Identity", probabilities, output="probabilities")
        if len(classes) == 2 and threshold != 0.5:
            yes = self.add("Gather", probabilities, self.constant(np.array(1, dtype=np.int64)), axis=1)
            is_yes = self.add("GreaterOrEqual", yes, self.constant(np.float32(threshold)))
            best = self.add("Cast", is_yes, to=TensorProto.INT64)
        else:
            best = self.add("ArgMax", probabilities, axis=1, keepdims=0)
        self.add("Gather", self.strings(classes), best, output="label", axis=0)
        self.output("label", TensorProto.STRING, ["N"])
        self.output("probabilities", TensorProto.FLOAT, ["N", len(classes)])

    def finish(self, description: str) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "modelyard", self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="modelyard", doc_string=description
        )
        onnx.checker.check_model(model, full_check=True)
        return model
