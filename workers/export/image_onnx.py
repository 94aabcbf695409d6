"""An image model as one ONNX graph: uint8 pixels [N, H, W, 3] of any size in, label and probabilities out.

Traps this file walks around:
- `Resize` with antialias: ONNX Runtime's filter differs from torch's and Pillow's by up to 16 grey levels when
  shrinking, and its optimiser breaks the node when a Transpose stands before it. Resizing is linear, so it is written
  as two matrix products whose weights the graph computes from the size of the image: the same numbers in every runtime.
- JPEG and PNG decoding cannot be expressed; it stays outside as the codec image/rgb-uint8-v1.
- The torch exporter may put weights beside the file: everything is copied into one graph here.
"""

import io

import numpy as np
import onnx
import torch
from onnx import TensorProto

from workers.export.graph import OPSET, Graph

INPUT = "image"


def to_onnx(
    network: torch.nn.Module, side: int, mean: float, spread: float, classes: list[str], temperature: float
) -> onnx.ModelProto:
    """`network` takes float [N, 3, side, side] scaled as (pixel - mean) / spread and answers logits [N, C]."""
    graph = Graph()
    pixels = graph.input(INPUT, TensorProto.UINT8, ["N", "H", "W", 3])
    resized = _resize(graph, graph.add("Cast", pixels, to=TensorProto.FLOAT), side)
    centred = graph.add("Sub", resized, graph.constant(np.float32(mean)))
    scaled = graph.add("Mul", centred, graph.constant(np.float32(1.0 / spread)))
    logits = _embed(graph, network, graph.add("Transpose", scaled, perm=[0, 3, 1, 2]), side)
    cooled = graph.add("Mul", logits, graph.constant(np.float32(1.0 / temperature)))
    graph.label_and_probabilities(graph.add("Softmax", cooled, axis=1), classes)
    return graph.finish("Upright RGB pixels in, any size; resized inside by an antialiased triangle filter.")


def _resize(graph: Graph, pixels: str, side: int) -> str:
    """[N, H, W, 3] → [N, side, side, 3]: weights [side, H] times rows, weights [side, W] times columns."""
    shape = graph.add("Shape", pixels)
    height, width = (graph.add("Gather", shape, graph.constant(np.array(i, dtype=np.int64)), axis=0) for i in (1, 2))
    batch = graph.constant(np.array([0], dtype=np.int64))
    flat = graph.add("Reshape", pixels, graph.constant(np.array([0, 0, -1], dtype=np.int64)))  # [N, H, W·3]
    rows = graph.add("MatMul", _weights(graph, height, side), flat)  # [N, side, W·3]
    width_1 = graph.add("Unsqueeze", width, batch)
    sizes = graph.add(
        "Concat",
        graph.constant(np.array([-1], dtype=np.int64)),
        width_1,
        graph.constant(np.array([3], dtype=np.int64)),
        axis=0,
    )
    columns = graph.add("Reshape", rows, sizes)  # [N·side, W, 3]
    done = graph.add("MatMul", _weights(graph, width, side), columns)  # [N·side, side, 3]
    return graph.add("Reshape", done, graph.constant(np.array([-1, side, side, 3], dtype=np.int64)))


def _weights(graph: Graph, length: str, side: int) -> str:
    """Triangle filter [side, length]: weights fall linearly from an output pixel's centre, wider when shrinking."""
    real = graph.add("Cast", length, to=TensorProto.FLOAT)
    scale = graph.add("Div", real, graph.constant(np.float32(side)))
    reach = graph.add("Max", scale, graph.constant(np.float32(1)))
    centres = graph.add("Mul", graph.constant((np.arange(side, dtype=np.float32) + 0.5)[:, None]), scale)
    zero, one = (graph.constant(np.array(i, dtype=np.int64)) for i in (0, 1))
    places = graph.add("Cast", graph.add("Range", zero, length, one), to=TensorProto.FLOAT)
    places = graph.add("Add", places, graph.constant(np.float32(0.5)))
    distance = graph.add("Div", graph.add("Abs", graph.add("Sub", centres, places)), reach)
    raw = graph.add("Relu", graph.add("Sub", graph.constant(np.float32(1)), distance))
    total = graph.add("ReduceSum", raw, graph.constant(np.array([1], dtype=np.int64)), keepdims=1)
    return graph.add("Div", raw, total)


def _embed(graph: Graph, network: torch.nn.Module, pixels: str, side: int) -> str:
    """Copy the exported network into the graph, every inner name prefixed; returns the name of the logits."""
    file = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            network.eval(),
            (torch.zeros(2, 3, side, side),),
            file,  # type: ignore[arg-type]  # the older exporter takes a file object
            dynamo=False,  # the newer exporter is slower, may freeze the batch size and writes weights beside the file
            opset_version=OPSET,
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_axes={"pixels": {0: "N"}, "logits": {0: "N"}},
        )
    inner = onnx.load_from_string(file.getvalue()).graph

    def renamed(name: str) -> str:
        return pixels if name == "pixels" else f"/net/{name}" if name else ""

    for tensor in inner.initializer:
        copy = onnx.TensorProto()
        copy.CopyFrom(tensor)
        copy.name = renamed(tensor.name)
        graph.constants.append(copy)
    for node in inner.node:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        del copy.input[:], copy.output[:]
        copy.input.extend(renamed(name) for name in node.input)
        copy.output.extend(renamed(name) for name in node.output)
        copy.name = f"/net/{node.name}"
        graph.nodes.append(copy)
    return renamed("logits")


def resize_like_graph(pixels: np.ndarray, side: int) -> torch.Tensor:
    """The reference in torch: uint8 [N, H, W, 3] → float [N, 3, side, side], 0..255."""
    x = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float()
    if x.shape[2:] == (side, side):
        return x
    return torch.nn.functional.interpolate(x, size=(side, side), mode="bilinear", antialias=True)
