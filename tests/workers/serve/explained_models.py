"""Models whose answers are known in closed form, so that their explanations are too."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from contracts.manifests import IMAGE_CODEC, ColumnSpec, OutputMeaning, TensorSpec
from tests.workers.serve.models import _CLASS_MEANING, _CLASS_OUTPUTS, _CLASS_SPECS, CLASSES, Package
from tests.workers.serve.models import _column as column_input
from tests.workers.serve.models import _constant as constant
from tests.workers.serve.models import _package as package
from tests.workers.serve.models import _to_label as to_label

SPREAD = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0]  # typical values of every column; their mean is 3.75


def weighted(weights: dict[str, float], multiplied: int = 1) -> Package:
    """value = Σ weight × column + the product of so many first columns (of one: nothing)."""
    names = list(weights)
    nodes = [
        helper.make_node("Concat", names, ["x"], axis=1),
        helper.make_node("MatMul", ["x", "w"], ["sum"]),
        helper.make_node("Concat", names[:multiplied], ["some"], axis=1),
        helper.make_node("ReduceProd", ["some"], ["product"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["product", "counts"], ["extra"]),
        helper.make_node("Add", ["sum", "extra"], ["all"]),
        helper.make_node("Reshape", ["all", "flat"], ["value"]),
    ]
    constants = [
        constant("w", [[weight] for weight in weights.values()], np.float32),
        constant("flat", [-1], np.int64),
        constant("counts", float(multiplied > 1), np.float32),
    ]
    return package(
        nodes, [column_input(name) for name in names],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None])], constants,
        task="tabular_regression",
        inputs=[TensorSpec(name, "FP32", [-1, 1]) for name in names],
        outputs=[TensorSpec("value", "FP32", [-1])],
        meaning=OutputMeaning("regression", value_tensor="value"),
        columns=[ColumnSpec(name, "number", tensor=name, typical=SPREAD) for name in names],
    )  # fmt: skip


def mood() -> Package:
    """yes where a text has more of `good` than of `bad`; all other words count nothing."""
    nodes = [
        helper.make_node("StringSplit", ["text"], ["words", "count"], delimiter=" "),
        helper.make_node(
            "LabelEncoder", ["words"], ["moods"], domain="ai.onnx.ml", keys_strings=["good", "bad"],
            values_floats=[2.0, -2.0], default_float=0.0,
        ),
        helper.make_node("ReduceSum", ["moods", "last"], ["score"], keepdims=0),
        helper.make_node("MatMul", ["score", "spread"], ["logits"]),
        *to_label("logits"),
    ]  # fmt: skip
    constants = [
        constant("last", [2], np.int64),
        constant("spread", [[-0.5, 0.5]], np.float32),
        constant("names", CLASSES, object),
    ]
    return package(
        nodes, [helper.make_tensor_value_info("text", TensorProto.STRING, [None, 1])], _CLASS_OUTPUTS, constants,
        opset=20,
        task="text_classification",
        inputs=[TensorSpec("text", "BYTES", [-1, 1])],
        outputs=_CLASS_SPECS, meaning=_CLASS_MEANING,
        columns=[ColumnSpec("text", "text", tensor="text", example="good and bad")],
    )  # fmt: skip


def corner(side: int = 16) -> Package:
    """yes the redder the pixels are that lie in the upper left corner."""
    nodes = [
        helper.make_node("Slice", ["image", "begin", "end", "axes"], ["cut"]),
        helper.make_node("Cast", ["cut"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["logits"]),
        *to_label("logits"),
    ]
    constants: list[Any] = [
        constant("begin", [0, 0], np.int64),
        constant("end", [side, side], np.int64),
        constant("axes", [1, 2], np.int64),
        constant("weights", [[0.0, 0.02], [0.01, 0.0], [0.01, 0.0]], np.float32),
        constant("names", CLASSES, object),
    ]
    return package(
        nodes, [helper.make_tensor_value_info("image", TensorProto.UINT8, [None, None, None, 3])],
        _CLASS_OUTPUTS, constants,
        task="image_classification",
        inputs=[TensorSpec("image", "UINT8", [-1, -1, -1, 3])],
        outputs=_CLASS_SPECS, meaning=_CLASS_MEANING, codec=IMAGE_CODEC, image_size=64,
    )  # fmt: skip


def forecaster() -> Package:
    """The last two values go on; it only stands for a kind of answer that nobody explains."""
    nodes = [helper.make_node("Slice", ["history", "begin", "end", "axes"], ["values"])]
    constants = [constant("begin", [2], np.int64), constant("end", [4], np.int64), constant("axes", [1], np.int64)]
    return package(
        nodes, [helper.make_tensor_value_info("history", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, [None, 2])], constants,
        task="forecasting",
        inputs=[TensorSpec("history", "FP32", [-1, 4])],
        outputs=[TensorSpec("values", "FP32", [-1, 2])],
        meaning=OutputMeaning("forecast", value_tensor="values"),
        columns=[ColumnSpec("history", "numbers", tensor="history")],
    )  # fmt: skip
