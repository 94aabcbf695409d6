"""The int8 variant of a network: weights as one byte each, turned back into floats inside the graph.

Only weights are rounded (per output channel, symmetric); what flows between the layers stays float32. So a row's
answer does not depend on the rows beside it, as it would with scales taken per batch, and the loss is small.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

LEAST_WEIGHTS = 2_048  # smaller tensors save nothing worth a rounding
LEAST_SAVING = 0.3  # of the file's bytes; less is no variant
_CHANNEL_AXIS = {"Conv": 0, "MatMul": 1, "Gemm": 1}


def quantise(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """A copy with int8 weights; None where the file would hardly become smaller."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    used = [name for node in graph.node for name in node.input]
    before: list[onnx.NodeProto] = []
    for node in graph.node:
        name = node.input[1] if node.op_type in _CHANNEL_AXIS and len(node.input) > 1 else ""
        tensor = weights.get(name)
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT or used.count(name) > 1:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < LEAST_WEIGHTS or (node.op_type == "MatMul" and values.ndim != 2):
            continue
        is_turned = any(one.name == "transB" and one.i for one in node.attribute)
        axis = 0 if is_turned else _CHANNEL_AXIS[node.op_type]
        before.append(_round(graph, tensor, values, axis))
        node.input[1] = before[-1].output[0]
    for node in reversed(before):
        graph.node.insert(0, node)
    saved = 1 - made.ByteSize() / model.ByteSize()
    return made if before and saved >= LEAST_SAVING else None


def _round(graph: onnx.GraphProto, tensor: onnx.TensorProto, values: np.ndarray, axis: int) -> onnx.NodeProto:
    """Replace the tensor by bytes and scales; returns the node that multiplies them again."""
    others = tuple(one for one in range(values.ndim) if one != axis)
    scale = np.maximum(np.abs(values).max(axis=others), 1e-12).astype(np.float32) / np.float32(127)
    shape = [-1 if one == axis else 1 for one in range(values.ndim)]
    whole = np.clip(np.rint(values / scale.reshape(shape)), -127, 127).astype(np.int8)
    name = tensor.name
    tensor.CopyFrom(numpy_helper.from_array(whole, f"{name}/int8"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}/scale"))
    return helper.make_node(
        "DequantizeLinear", [f"{name}/int8", f"{name}/scale"], [f"{name}/float"], name=f"{name}/dequantise", axis=axis
    )
