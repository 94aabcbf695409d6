"""The models that every contender serves: a table network, an image network, a text encoder; made once and cached.

table  20 numbers → 256 → 256 → 3 classes; one FP32 input `x` [N, 20]
wide   the same network with 20 inputs [N, 1], one per column, as exported tables often are
image  EfficientNet-Lite0 at 224 pixels with its packaged weights; UINT8 input `image` [N, 224, 224, 3]
text   six layers of 384, twelve heads, 32 tokens (the size of MiniLM); string input `text` [N, 1], token ids as text

Weights that are not packaged come from a fixed seed. Every model answers `label` [N] and `probabilities` [N, C].
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from benchmarks.environments import CACHE
from contracts.manifests import IMAGE_CODEC, ColumnSpec, ModelManifest, OutputMeaning, TensorSpec
from tests.workers.serve.models import Package, wide_network
from workers.export.image_onnx import to_onnx
from workers.train.backbone import FEATURES, MEAN, SPREAD, Classifier

COLUMNS = 20
SIDE = 224
TOKENS, WIDTH, LAYERS, HEADS, WORDS = 32, 384, 6, 12, 30_522
CLASSES = {
    "table": ["alpha", "beta", "gamma"],
    "wide": ["a", "b", "c"],
    "image": [f"thing-{number}" for number in range(10)],
    "text": ["praise", "blame"],
}
VERSION = 3  # of what this file makes; a new number makes the cache anew


@dataclass(frozen=True)
class BenchModel:
    kind: str
    path: Path
    package: Package  # for the data plane


def bench_model(kind: str) -> BenchModel:
    """The model of this kind, from the cache or made now."""
    path = CACHE / "models" / f"{kind}-{VERSION}.onnx"
    if kind == "wide":
        package = wide_network(COLUMNS)
        content = package.model
    else:
        content = path.read_bytes() if path.exists() else _MAKERS[kind]().SerializeToString()
        package = Package(content, _manifest(kind, content))
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return BenchModel(kind, path, package)


def cheap_copies(count: int) -> list[Package]:
    """Packages of the table network with different bytes, for many endpoints on one server."""
    found = []
    for number in range(count):
        model = _table(seed=number + 1)
        content = model.SerializeToString()
        found.append(Package(content, _manifest("table", content)))
    return found


def _manifest(kind: str, content: bytes) -> ModelManifest:
    tensors = {
        "table": TensorSpec("x", "FP32", [-1, COLUMNS]),
        "image": TensorSpec("image", "UINT8", [-1, -1, -1, 3]),
        "text": TensorSpec("text", "BYTES", [-1, 1]),
    }
    columns = {
        "table": [ColumnSpec(f"c{number}", "number", tensor="x") for number in range(COLUMNS)],
        "text": [ColumnSpec("text", "text", tensor="text", required=True)],
    }
    classes = CLASSES[kind]
    return ModelManifest(
        task=f"{'tabular' if kind == 'table' else kind}_classification",
        target="target",
        model_sha256=hashlib.sha256(content).hexdigest(),
        model_bytes=len(content),
        opset=20,
        inputs=[tensors[kind]],
        outputs=[TensorSpec("label", "BYTES", [-1]), TensorSpec("probabilities", "FP32", [-1, len(classes)])],
        meaning=OutputMeaning("classification", "label", "probabilities", classes=classes),
        columns=columns.get(kind, []),
        codec=IMAGE_CODEC if kind == "image" else "",
        image_size=SIDE if kind == "image" else 0,
    )


class _Notebook:
    """Nodes and constants in order; weights from one seeded generator."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        names = [f"{operator}_{len(self.nodes)}_{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0]

    def constant(self, values: Any, dtype: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, dtype=dtype), name))
        return name

    def dense(self, x: str, rows: int, columns: int) -> str:
        weight = self.random.normal(0, rows**-0.5, (rows, columns))
        product = self.add("MatMul", x, self.constant(weight, np.float32))
        return self.add("Add", product, self.constant(self.random.normal(0, 0.02, columns), np.float32))

    def normal(self, x: str) -> str:
        scale, shift = self.constant(np.ones(WIDTH), np.float32), self.constant(np.zeros(WIDTH), np.float32)
        return self.add("LayerNormalization", x, scale, shift, axis=-1)

    def finish(self, logits: str, takes: Any, kind: str) -> ModelProto:
        classes = CLASSES[kind]
        self.nodes.append(helper.make_node("Softmax", [logits], ["probabilities"], axis=1))
        best = self.add("ArgMax", logits, axis=1, keepdims=0)
        self.nodes.append(helper.make_node("Gather", [self.constant(classes, object), best], ["label"]))
        gives = [
            helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(classes)]),
        ]
        graph = helper.make_graph(self.nodes, kind, [takes], gives, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def _table(seed: int = 0) -> ModelProto:
    book = _Notebook(seed)
    hidden = book.add("Relu", book.dense("x", COLUMNS, 256))
    hidden = book.add("Relu", book.dense(hidden, 256, 256))
    takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, COLUMNS])
    return book.finish(book.dense(hidden, 256, 3), takes, "table")


def _image() -> ModelProto:
    random = np.random.default_rng(0)
    classes = CLASSES["image"]
    weight = random.normal(0, 0.03, (FEATURES, len(classes))).astype(np.float32)
    network = Classifier(SIDE, weight, np.zeros(len(classes), dtype=np.float32))
    return to_onnx(network, SIDE, MEAN, SPREAD, classes, temperature=1.0)


def _text() -> ModelProto:
    """Token ids written as text; what is shorter is filled with zeros, so that an empty text runs too."""
    book = _Notebook(0)
    filled = book.add("StringConcat", "text", book.constant([" 0" * TOKENS], object))
    words = book.add("Reshape", filled, book.constant([-1], np.int64))
    pieces = book.add("StringSplit", words, outputs=2)
    first, end, axis = (book.constant([number], np.int64) for number in (0, TOKENS, 1))
    ids = book.add("Cast", book.add("Slice", pieces, first, end, axis), to=TensorProto.INT64)
    table = book.constant(book.random.normal(0, 0.05, (WORDS, WIDTH)), np.float32)
    places = book.constant(book.random.normal(0, 0.05, (TOKENS, WIDTH)), np.float32)
    hidden = book.normal(book.add("Add", book.add("Gather", table, ids), places))
    for _ in range(LAYERS):
        hidden = book.normal(book.add("Add", hidden, _attention(book, hidden)))
        wide = book.add("Gelu", book.dense(hidden, WIDTH, 4 * WIDTH))
        hidden = book.normal(book.add("Add", hidden, book.dense(wide, 4 * WIDTH, WIDTH)))
    pooled = book.add("ReduceMean", hidden, book.constant([1], np.int64), keepdims=0)
    takes = helper.make_tensor_value_info("text", TensorProto.STRING, [None, 1])
    return book.finish(book.dense(pooled, WIDTH, 2), takes, "text")


def _attention(book: _Notebook, hidden: str) -> str:
    split = book.constant([0, TOKENS, HEADS, WIDTH // HEADS], np.int64)

    def heads(perm: list[int]) -> str:
        return book.add("Transpose", book.add("Reshape", book.dense(hidden, WIDTH, WIDTH), split), perm=perm)

    query, key, value = heads([0, 2, 1, 3]), heads([0, 2, 3, 1]), heads([0, 2, 1, 3])
    scale = book.constant((WIDTH // HEADS) ** -0.5, np.float32)
    weights = book.add("Softmax", book.add("Mul", book.add("MatMul", query, key), scale), axis=-1)
    mixed = book.add("Transpose", book.add("MatMul", weights, value), perm=[0, 2, 1, 3])
    joined = book.add("Reshape", mixed, book.constant([0, TOKENS, WIDTH], np.int64))
    return book.dense(joined, WIDTH, WIDTH)


_MAKERS = {"table": _table, "image": _image, "text": _text}
