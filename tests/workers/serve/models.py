"""Small real ONNX models that keep the model contract, made on the spot."""

import hashlib
import itertools
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from contracts.manifests import IMAGE_CODEC, ColumnSpec, ModelManifest, OutputMeaning, TensorSpec

CLASSES = ["no", "yes"]


@dataclass(frozen=True)
class Package:
    model: bytes
    manifest: ModelManifest

    @property
    def sha256(self) -> str:
        return self.manifest.model_sha256

    def manifest_json(self) -> bytes:
        return json.dumps(asdict(self.manifest)).encode()


def _package(
    nodes: list[Any], takes: list[Any], gives: list[Any], constants: list[Any], opset: int = 17, **manifest: Any
) -> Package:
    graph = helper.make_graph(nodes, "tiny", takes, gives, constants)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 2)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    described = ModelManifest(
        target="target",
        model_sha256=hashlib.sha256(model).hexdigest(),
        model_bytes=len(model),
        opset=opset,
        **manifest,
    )
    return Package(model, described)


def _column(name: str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1])


def _constant(name: str, values: Any, dtype: Any) -> Any:
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


_CLASS_OUTPUTS = [
    helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
    helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
]
_CLASS_SPECS = [TensorSpec("label", "BYTES", [-1]), TensorSpec("probabilities", "FP32", [-1, 2])]
_CLASS_MEANING = OutputMeaning("classification", "label", "probabilities", classes=CLASSES)


def _to_label(logits: str) -> list[Any]:
    """Softmax and the name of the largest."""
    return [
        helper.make_node("Softmax", [logits], ["probabilities"], axis=1),
        helper.make_node("ArgMax", [logits], ["best"], axis=1, keepdims=0),
        helper.make_node("Gather", ["names", "best"], ["label"]),
    ]


def classifier(bias: float = 0.0) -> Package:
    """yes when age + income + bias > 0; `colour` red adds 10, other colours nothing; missing numbers count as 0."""
    nodes = [
        helper.make_node("Concat", ["age", "income"], ["raw"], axis=1),
        helper.make_node("IsNaN", ["raw"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "raw"], ["numbers"]),
        helper.make_node("ReduceSum", ["numbers", "one"], ["sum"], keepdims=1),
        helper.make_node(
            "LabelEncoder", ["colour"], ["shade"], domain="ai.onnx.ml", keys_strings=["red"], values_floats=[10.0],
            default_float=0.0,
        ),
        helper.make_node("Sum", ["sum", "shade", "bias"], ["score"]),
        helper.make_node("MatMul", ["score", "spread"], ["logits"]),
        *_to_label("logits"),
    ]  # fmt: skip
    constants = [
        _constant("zero", 0.0, np.float32),
        _constant("one", [1], np.int64),
        _constant("bias", bias, np.float32),
        _constant("spread", [[-0.5, 0.5]], np.float32),
        _constant("names", CLASSES, object),
    ]
    colour = helper.make_tensor_value_info("colour", TensorProto.STRING, [None, 1])
    return _package(
        nodes, [_column("age"), _column("income"), colour], _CLASS_OUTPUTS, constants,
        task="tabular_classification",
        inputs=[
            TensorSpec("age", "FP32", [-1, 1]),
            TensorSpec("income", "FP32", [-1, 1]),
            TensorSpec("colour", "BYTES", [-1, 1]),
        ],
        outputs=_CLASS_SPECS, meaning=_CLASS_MEANING,
        columns=[
            ColumnSpec("age", "number", required=True, tensor="age"),
            ColumnSpec("income", "number", tensor="income"),
            ColumnSpec("colour", "category", tensor="colour", categories=["red", "blue", "True", "7"]),
            ColumnSpec("note", "text"),
        ],
    )  # fmt: skip


def regressor() -> Package:
    """value = 2 * x; x must lie between 0 and 9, anything else makes the graph itself fail."""
    nodes = [
        helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "whole"], ["looked"]),
        helper.make_node("Reshape", ["looked", "flat"], ["value"]),
    ]
    constants = [_constant("table", [2.0 * x for x in range(10)], np.float32), _constant("flat", [-1], np.int64)]
    return _package(
        nodes, [_column("x")], [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None])], constants,
        task="tabular_regression",
        inputs=[TensorSpec("x", "FP32", [-1, 1])],
        outputs=[TensorSpec("value", "FP32", [-1])],
        meaning=OutputMeaning("regression", value_tensor="value"),
        columns=[ColumnSpec("x", "number", tensor="x", required=True)],
    )  # fmt: skip


def image_classifier() -> Package:
    """yes when the image is more red than blue."""
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["logits"]),
        *_to_label("logits"),
    ]
    weights = _constant("weights", [[0.0, 0.02], [0.0, 0.0], [0.02, 0.0]], np.float32)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [None, None, None, 3])
    return _package(
        nodes, [image], _CLASS_OUTPUTS, [weights, _constant("names", CLASSES, object)],
        task="image_classification",
        inputs=[TensorSpec("image", "UINT8", [-1, -1, -1, 3])],
        outputs=_CLASS_SPECS, meaning=_CLASS_MEANING, codec=IMAGE_CODEC, image_size=32,
    )  # fmt: skip


def heavy(layers: int = 120, width: int = 512) -> Package:
    """value = x, after some milliseconds of multiplying."""
    nodes = [helper.make_node("MatMul", ["x", "zeros"], ["h0"])]
    nodes += [helper.make_node("MatMul", [f"h{place}", "square"], [f"h{place + 1}"]) for place in range(layers)]
    nodes += [
        helper.make_node("ReduceSum", [f"h{layers}", "one"], ["nothing"], keepdims=1),
        helper.make_node("Add", ["x", "nothing"], ["sum"]),
        helper.make_node("Reshape", ["sum", "flat"], ["value"]),
    ]
    constants = [
        _constant("zeros", np.zeros((1, width)), np.float32),
        _constant("square", np.eye(width), np.float32),
        _constant("one", [1], np.int64),
        _constant("flat", [-1], np.int64),
    ]
    return _package(
        nodes, [_column("x")], [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None])], constants,
        task="tabular_regression",
        inputs=[TensorSpec("x", "FP32", [-1, 1])],
        outputs=[TensorSpec("value", "FP32", [-1])],
        meaning=OutputMeaning("regression", value_tensor="value"),
        columns=[ColumnSpec("x", "number", tensor="x", required=True)],
    )  # fmt: skip


def wide_network(columns: int = 20, hidden: int = 256) -> Package:
    """A table network of the size that the benchmarks use: columns → hidden → hidden → 3."""
    random = np.random.default_rng(0)
    names = [f"c{number}" for number in range(columns)]
    classes = ["a", "b", "c"]

    def weight(name: str, rows: int, width: int) -> Any:
        return _constant(name, random.normal(0, rows**-0.5, (rows, width)), np.float32)

    nodes = [
        helper.make_node("Concat", names, ["x"], axis=1),
        helper.make_node("MatMul", ["x", "w1"], ["h1"]),
        helper.make_node("Relu", ["h1"], ["r1"]),
        helper.make_node("MatMul", ["r1", "w2"], ["h2"]),
        helper.make_node("Relu", ["h2"], ["r2"]),
        helper.make_node("MatMul", ["r2", "w3"], ["logits"]),
        *_to_label("logits"),
    ]
    constants = [
        weight("w1", columns, hidden),
        weight("w2", hidden, hidden),
        weight("w3", hidden, 3),
        _constant("names", classes, object),
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3]),
    ]
    return _package(
        nodes, [_column(name) for name in names], outputs, constants,
        task="tabular_classification",
        inputs=[TensorSpec(name, "FP32", [-1, 1]) for name in names],
        outputs=[TensorSpec("label", "BYTES", [-1]), TensorSpec("probabilities", "FP32", [-1, 3])],
        meaning=OutputMeaning("classification", "label", "probabilities", classes=classes),
        columns=[ColumnSpec(name, "number", tensor=name) for name in names],
    )  # fmt: skip


def matrix_network(columns: int) -> Package:
    """One [N, columns] input that all columns share, two hidden layers of 256, three classes: the benchmark's model."""
    random = np.random.default_rng(7)
    sizes = [columns, 256, 256, 3]
    nodes, constants, at = [], [], "numbers"
    for layer, (wide, narrow) in enumerate(itertools.pairwise(sizes)):
        weights = random.normal(0, wide**-0.5, (wide, narrow))
        constants += [_constant(f"w{layer}", weights, np.float32), _constant(f"b{layer}", [0.0] * narrow, np.float32)]
        nodes.append(helper.make_node("Gemm", [at, f"w{layer}", f"b{layer}"], [f"z{layer}"]))
        at = f"z{layer}"
        if layer < 2:
            nodes.append(helper.make_node("Relu", [at], [f"a{layer}"]))
            at = f"a{layer}"
    nodes.append(helper.make_node("Softmax", [at], ["probabilities"], axis=1))
    names = [f"c{number}" for number in range(columns)]
    return _package(
        nodes,
        [helper.make_tensor_value_info("numbers", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3])],
        constants,
        task="tabular_classification",
        inputs=[TensorSpec("numbers", "FP32", [-1, columns])],
        outputs=[TensorSpec("probabilities", "FP32", [-1, 3])],
        meaning=OutputMeaning(
            "classification", probabilities_tensor="probabilities", classes=["low", "middle", "high"]
        ),
        columns=[ColumnSpec(name, "number", tensor="numbers") for name in names],
    )
