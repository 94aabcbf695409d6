"""Small models for the protocols: every datatype in and out, and a text in."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from contracts.manifests import ColumnSpec, OutputMeaning, TensorSpec
from tests.workers.serve.models import (
    _CLASS_MEANING,
    _CLASS_OUTPUTS,
    _CLASS_SPECS,
    Package,
    _constant,
    _package,
    _to_label,
)

ONNX_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def echo() -> Package:
    """One input [N, 2] per datatype, given back unchanged as `<name>_out`."""
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in ONNX_TYPES]

    def declare(suffix: str) -> list[Any]:
        return [helper.make_tensor_value_info(name + suffix, kind, [None, 2]) for name, kind in ONNX_TYPES.items()]

    return _package(
        nodes, declare(""), declare("_out"), [],
        task="tabular_regression",
        inputs=[TensorSpec(name, name, [-1, 2]) for name in ONNX_TYPES],
        outputs=[TensorSpec(f"{name}_out", name, [-1, 2]) for name in ONNX_TYPES],
        meaning=OutputMeaning("regression", value_tensor="FP32_out"),
    )  # fmt: skip


def text_classifier() -> Package:
    """yes when the text is exactly "good"; the text column is the only one."""
    nodes = [
        helper.make_node(
            "LabelEncoder", ["review"], ["score"], domain="ai.onnx.ml", keys_strings=["good"], values_floats=[5.0],
            default_float=-5.0,
        ),
        helper.make_node("MatMul", ["score", "spread"], ["logits"]),
        *_to_label("logits"),
    ]  # fmt: skip
    constants = [_constant("spread", [[-0.5, 0.5]], np.float32), _constant("names", ["no", "yes"], object)]
    return _package(
        nodes, [helper.make_tensor_value_info("review", TensorProto.STRING, [None, 1])], _CLASS_OUTPUTS, constants,
        task="text_classification",
        inputs=[TensorSpec("review", "BYTES", [-1, 1])],
        outputs=_CLASS_SPECS, meaning=_CLASS_MEANING,
        columns=[ColumnSpec("review", "text", tensor="review", required=True)],
    )  # fmt: skip


def samples() -> dict[str, Any]:
    """Two rows of two values per datatype, with the smallest and the largest where there is one."""
    values: dict[str, Any] = {"BOOL": np.array([[True, False], [False, True]])}
    for name, dtype in _INTEGERS.items():
        bounds = np.iinfo(dtype)
        values[name] = np.array([[bounds.min, 0], [1, bounds.max]], dtype=dtype)
    for name, dtype in (("FP16", np.float16), ("FP32", np.float32), ("FP64", np.float64)):
        values[name] = np.array([[np.finfo(dtype).max, -0.1], [np.nan, np.finfo(dtype).tiny]], dtype=dtype)
    values["BYTES"] = np.array([["", "zürich"], ["a\0b", "x" * 300]], dtype=object)
    return {name: values[name] for name in ONNX_TYPES}


_INTEGERS = {
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
}


def assert_same(got: Any, sent: Any) -> None:
    """Equal bit by bit, NaN included; strings come back as bytes."""
    if sent.dtype == object:
        texts = [one.decode() if isinstance(one, bytes) else one for one in got.reshape(-1).tolist()]
        assert texts == sent.reshape(-1).tolist()
        return
    assert got.dtype == sent.dtype
    np.testing.assert_array_equal(got, sent)


def with_defaults() -> Package:
    """value = x; x has the default 7, y is optional and ignored."""
    nodes = [
        helper.make_node("IsNaN", ["y"], ["no_y"]),
        helper.make_node("Where", ["no_y", "zero", "zero"], ["nothing"]),
        helper.make_node("Add", ["x", "nothing"], ["sum"]),
        helper.make_node("Reshape", ["sum", "flat"], ["value"]),
    ]
    takes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("x", "y")]
    constants = [_constant("zero", 0.0, np.float32), _constant("flat", [-1], np.int64)]
    return _package(
        nodes, takes, [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None])], constants,
        task="tabular_regression",
        inputs=[TensorSpec("x", "FP32", [-1, 1]), TensorSpec("y", "FP32", [-1, 1])],
        outputs=[TensorSpec("value", "FP32", [-1])],
        meaning=OutputMeaning("regression", value_tensor="value"),
        columns=[ColumnSpec("x", "number", tensor="x", default=7.0), ColumnSpec("y", "number", tensor="y")],
    )  # fmt: skip
