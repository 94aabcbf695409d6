"""A tabular model as one ONNX graph: raw columns in ([N, 1] float32 or string), label and probabilities or value out.

Traps this file walks around:
- Numbers arrive as float32 tensors and never as text: `Cast` from string raises on an empty cell and reads "1,5" as 1.
- Words are matched as they are: `StringNormalizer` needs a locale the host may not have, so nothing is normalised here.
- Unknown words fall to the LabelEncoder's default, so they can never raise.
"""

import re

import numpy as np
import onnx
from onnx import TensorProto

from workers.export.derived_onnx import add_date_parts, add_word_value
from workers.export.graph import Graph
from workers.export.parts import Dense, Features, Tabm, TabularModel, Trees, Weighted
from workers.export.trees_onnx import add_trees

RESERVED = {"label", "probabilities", "value"}  # output names
SCALED_MOST = 6.0  # the same cut as workers/train/features.py; parity fails when the two drift apart
LEAST_PROBABILITY = 1e-7


def tensor_names(columns: list[str]) -> dict[str, str]:
    """ONNX input per column: the column's own name where it is a plain identifier, else `column_<i>`."""
    names: dict[str, str] = {}
    for index, column in enumerate(columns):
        is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", column) is not None
        is_free = column not in RESERVED and not re.fullmatch(r"column_\d+", column)
        names[column] = column if is_plain and is_free else f"column_{index}"
    return names


def used_columns(features: Features) -> list[str]:
    numbers, dates, texts = features.inputs()
    return [*numbers, *dates, *texts]


def to_onnx(model: TabularModel) -> onnx.ModelProto:
    graph = Graph()
    tensors = tensor_names(used_columns(model.features))
    numbers, missing, one_hot = _add_inputs(graph, model.features, tensors)
    has_trees = [isinstance(member.body, Trees) for member in model.members]
    dense = "" if all(has_trees) else _dense_features(graph, model.features, numbers, missing, one_hot)
    trees = _tree_features(graph, model.features, numbers, missing, one_hot) if any(has_trees) else ""
    answers = []
    for member in model.members:
        answer = _answer(graph, member.body, dense, trees, is_classifier=bool(model.classes))
        answer = answer if model.classes else _units(graph, answer, member)
        weight = graph.constant(np.float32(member.weight))
        answers.append(graph.add("Mul", answer, weight) if member.weight != 1.0 else answer)
    blended = graph.add("Sum", *answers) if len(answers) > 1 else answers[0]
    if model.classes:
        probabilities = _temper(graph, blended, model.temperature)
        graph.label_and_probabilities(probabilities, model.classes, model.threshold)
    else:
        graph.add("Reshape", blended, graph.constant(np.array([-1], dtype=np.int64)), output="value")
        graph.output("value", TensorProto.FLOAT, ["N"])
    return graph.finish("Raw columns in; missing numbers are NaN, missing words are empty strings, dates are seconds.")


def _answer(graph: Graph, body: Dense | Tabm | Trees, dense: str, trees: str, is_classifier: bool) -> str:
    """Probabilities [N, C], or values [N, 1] in the member's own unit."""
    if isinstance(body, Tabm):
        return _add_tabm(graph, dense, body, is_classifier)
    if isinstance(body, Dense):
        return _add_dense(graph, dense, body, is_classifier)
    raw = add_trees(graph, trees, body)
    return _tree_probabilities(graph, raw, len(body.base), body.is_share) if is_classifier else raw


def _add_inputs(graph: Graph, features: Features, tensors: dict[str, str]) -> tuple[str, str, str]:
    """Return (numbers [N, F] with NaN, which are missing [N, F] bool, one-hot [N, K]); "" where there are none."""
    numbers, dates, texts = features.inputs()
    for kind, names in ((TensorProto.FLOAT, numbers), (TensorProto.DOUBLE, dates), (TensorProto.STRING, texts)):
        for name in names:
            graph.input(tensors[name], kind, ["N", 1])
    column = {name: tensors[name] for name in numbers}
    column |= {made.name: add_word_value(graph, tensors[made.column], made) for made in features.words}
    for made in features.dates:
        column |= dict(zip(made.names(), add_date_parts(graph, tensors[made.column], made), strict=True))
    joined = missing = ""
    if features.numbers.names:
        joined = graph.add("Concat", *(column[name] for name in features.numbers.names), axis=1)
        missing = graph.add("IsNaN", joined)
    return joined, missing, _one_hot(graph, features, tensors)


def _one_hot(graph: Graph, features: Features, tensors: dict[str, str]) -> str:
    """All words at once: codes [N, S] → each code repeated for the words of its column [N, K] → equal to its word?"""
    kinds = features.categories
    if sum(kinds.widths()) == 0:
        return ""
    codes = []
    for name, words, other in zip(kinds.names, kinds.words, kinds.other, strict=True):
        # A column without any frequent word still needs one key: LabelEncoder refuses an empty list.
        keys, values = (words, list(range(len(words)))) if words else ([""], [other])
        codes.append(
            graph.add(
                "LabelEncoder",
                tensors[name],
                domain="ai.onnx.ml",
                keys_strings=keys,
                values_int64s=values,
                default_int64=other,
            )
        )
    joined = graph.add("Concat", *codes, axis=1)
    column = np.repeat(np.arange(len(kinds.names)), kinds.widths()).astype(np.int64)
    word = np.concatenate([np.arange(width) for width in kinds.widths()]).astype(np.int64)[None, :]
    repeated = graph.add("Gather", joined, graph.constant(column), axis=1)
    return graph.add("Cast", graph.add("Equal", repeated, graph.constant(word)), to=TensorProto.FLOAT)


def _join(graph: Graph, parts: list[str]) -> str:
    kept = [part for part in parts if part]
    return graph.add("Concat", *kept, axis=1) if len(kept) > 1 else kept[0]


def _dense_features(graph: Graph, features: Features, numbers: str, missing: str, one_hot: str) -> str:
    """[N, D] float32, in the order of workers/train/features.py: scaled, steps, flags, one-hot."""
    n = features.numbers
    parts: list[str] = []
    if numbers:
        zero, one = graph.constant(np.float32(0)), graph.constant(np.float32(1))
        most, least = graph.constant(np.float32(SCALED_MOST)), graph.constant(np.float32(-SCALED_MOST))
        x = graph.add("Where", missing, graph.constant(n.median[None, :]), numbers)
        centred = graph.add("Sub", x, graph.constant(n.center[None, :]))
        parts.append(
            graph.add("Clip", graph.add("Mul", centred, graph.constant(n.inverse_scale[None, :])), least, most)
        )
        if len(n.knot_column):
            repeated = graph.add("Gather", x, graph.constant(n.knot_column), axis=1)
            above = graph.add("Sub", repeated, graph.constant(n.knot_low[None, :]))
            parts.append(
                graph.add("Clip", graph.add("Mul", above, graph.constant(n.knot_inverse_width[None, :])), zero, one)
            )
        if n.keeps_nan.any():
            flags = graph.add("Cast", missing, to=TensorProto.FLOAT)
            parts.append(
                graph.add("Gather", flags, graph.constant(np.flatnonzero(n.keeps_nan).astype(np.int64)), axis=1)
            )
    return _join(graph, [*parts, one_hot])


def _tree_features(graph: Graph, features: Features, numbers: str, missing: str, one_hot: str) -> str:
    """[N, F] double: numbers keep NaN only where training saw NaN, elsewhere the median stands in."""
    n = features.numbers
    x = numbers
    if numbers and not n.keeps_nan.all():
        fills = graph.add("And", missing, graph.constant(~n.keeps_nan[None, :]))
        x = graph.add("Where", fills, graph.constant(n.median[None, :]), numbers)
    return graph.add("Cast", _join(graph, [x, one_hot]), to=TensorProto.DOUBLE)


def _add_dense(graph: Graph, features: str, member: Dense, is_classifier: bool) -> str:
    """[N, D] → [1, N, D] → K networks [K, N, out] → mean over K [N, out]."""
    x = graph.add("Unsqueeze", features, graph.constant(np.array([0], dtype=np.int64)))
    for index, (weight, bias) in enumerate(member.layers):
        if index:
            x = graph.add("Mul", x, graph.add("Sigmoid", x))  # SiLU
        x = graph.add("Add", graph.add("MatMul", x, graph.constant(weight)), graph.constant(bias))
    if is_classifier:
        x = graph.add("Softmax", x, axis=2)
    return graph.add("ReduceMean", x, graph.constant(np.array([0], dtype=np.int64)), keepdims=0)


def _add_tabm(graph: Graph, features: str, member: Tabm, is_classifier: bool) -> str:
    """[N, D] → [1, 1, N, D] → F fits of K networks [F, K, N, out] → mean over both [N, out]."""
    axes = graph.constant(np.array([0, 1], dtype=np.int64))
    x = graph.add("Mul", graph.add("Unsqueeze", features, axes), graph.constant(member.adapter))
    for weight, bias in member.layers:
        x = graph.add("Relu", graph.add("Add", graph.add("MatMul", x, graph.constant(weight)), graph.constant(bias)))
    weight, bias = member.head
    x = graph.add("Add", graph.add("MatMul", x, graph.constant(weight)), graph.constant(bias))
    if is_classifier:
        x = graph.add("Softmax", x, axis=3)
    return graph.add("ReduceMean", x, axes, keepdims=0)


def _tree_probabilities(graph: Graph, raw: str, outputs: int, is_share: bool) -> str:
    if outputs > 1:
        return raw if is_share else graph.add("Softmax", raw, axis=1)
    yes = raw if is_share else graph.add("Sigmoid", raw)
    return graph.add("Concat", graph.add("Sub", graph.constant(np.float32(1)), yes), yes, axis=1)


def _temper(graph: Graph, probabilities: str, temperature: float) -> str:
    if temperature == 1.0:
        return probabilities
    safe = graph.add("Max", probabilities, graph.constant(np.float32(LEAST_PROBABILITY)))
    cooled = graph.add("Mul", graph.add("Log", safe), graph.constant(np.float32(1.0 / temperature)))
    return graph.add("Softmax", cooled, axis=1)


def _units(graph: Graph, output: str, member: Weighted) -> str:
    """From the member's own unit to the target's: mean + scale × output, and expm1 of a logarithm."""
    scaled = graph.add("Mul", output, graph.constant(np.float32(member.scale)))
    shifted = graph.add("Add", scaled, graph.constant(np.float32(member.mean)))
    if member.log_most is None:
        return shifted
    safe = graph.add("Min", shifted, graph.constant(np.float32(member.log_most)))
    return graph.add("Sub", graph.add("Exp", safe), graph.constant(np.float32(1)))
