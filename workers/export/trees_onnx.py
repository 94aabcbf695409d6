"""LightGBM trees as one TreeEnsembleRegressor in double precision, so that every comparison and sum is LightGBM's own.

The usual converter writes thresholds and leaves as float32: a row that sits on a threshold can then fall to the other
side, and a sum of a thousand trees drifts by 1e-4. ai.onnx.ml 3 takes both as double tensors.
"""

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from workers.export.graph import Graph
from workers.export.parts import Trees


class _Columns:
    """The parallel lists that the operator wants."""

    def __init__(self) -> None:
        self.nodes: dict[str, list[Any]] = {
            key: [] for key in ("tree", "node", "feature", "mode", "value", "yes", "no", "nan_yes")
        }
        self.leaves: dict[str, list[Any]] = {key: [] for key in ("tree", "node", "target", "weight")}

    def add_node(
        self, tree: int, node: int, mode: str, feature: int, value: float, yes: int, no: int, nan_yes: int
    ) -> None:
        for key, one in zip(self.nodes, (tree, node, feature, mode, value, yes, no, nan_yes), strict=True):
            self.nodes[key].append(one)

    def add_leaf(self, tree: int, node: int, target: int, weight: float) -> None:
        self.add_node(tree, node, "LEAF", 0, 0.0, 0, 0, 0)
        for key, one in zip(self.leaves, (tree, node, target, weight), strict=True):
            self.leaves[key].append(one)


def add_trees(graph: Graph, features: str, member: Trees) -> str:
    """Return the name of raw sums [N, outputs] float32."""
    columns = _Columns()
    outputs = len(member.base)
    for index, tree in enumerate(member.trees):
        _flatten(columns, index, index % outputs, tree)
    if not member.trees:  # the operator wants at least one tree
        columns.add_leaf(0, 0, 0, 0.0)
    nodes, leaves = columns.nodes, columns.leaves
    summed = graph.add(
        "TreeEnsembleRegressor",
        features,
        domain="ai.onnx.ml",
        n_targets=outputs,
        aggregate_function="SUM",
        nodes_treeids=nodes["tree"],
        nodes_nodeids=nodes["node"],
        nodes_featureids=nodes["feature"],
        nodes_modes=nodes["mode"],
        nodes_truenodeids=nodes["yes"],
        nodes_falsenodeids=nodes["no"],
        nodes_missing_value_tracks_true=nodes["nan_yes"],
        nodes_values_as_tensor=helper.make_tensor("values", TensorProto.DOUBLE, [len(nodes["value"])], nodes["value"]),
        target_treeids=leaves["tree"],
        target_nodeids=leaves["node"],
        target_ids=leaves["target"],
        target_weights_as_tensor=helper.make_tensor(
            "weights", TensorProto.DOUBLE, [len(leaves["weight"])], leaves["weight"]
        ),
        base_values_as_tensor=helper.make_tensor("base", TensorProto.DOUBLE, [outputs], list(map(float, member.base))),
    )
    # The operator answers [N, outputs] float32 also for double input, but shape inference does not know the width.
    return graph.add("Reshape", summed, graph.constant(np.array([-1, outputs], dtype=np.int64)))


def _flatten(columns: _Columns, tree: int, target: int, root: dict[str, Any]) -> None:
    """Number the nodes from the root; an explicit stack, since deep trees would exhaust recursion."""
    waiting = [(root, 0)]
    next_id = 1
    while waiting:
        node, node_id = waiting.pop()
        if "split_feature" not in node:
            columns.add_leaf(tree, node_id, target, float(node["leaf_value"]))
            continue
        yes, no = next_id, next_id + 1
        next_id += 2
        threshold = float(node["threshold"])
        # Without NaN in training LightGBM reads a NaN as 0.0; the features never send one there, but stay equal.
        nan_yes = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0.0
        columns.add_node(tree, node_id, "BRANCH_LEQ", int(node["split_feature"]), threshold, yes, no, int(nan_yes))
        waiting.extend([(node["left_child"], yes), (node["right_child"], no)])
