"""Trees of any family as one TreeEnsembleRegressor in double precision: every comparison is the trainer's own.

The usual converter writes thresholds and leaves as float32: a row that sits on a threshold can then fall to the other
side, and a sum of a thousand trees drifts by 1e-4. ai.onnx.ml 3 takes both as double tensors.
"""

import numpy as np
from onnx import TensorProto, helper

from workers.export.graph import Graph
from workers.export.parts import Forest, Trees


def add_trees(graph: Graph, features: str, member: Trees) -> str:
    """Return the name of raw sums [N, outputs] float32."""
    outputs = len(member.base)
    forest = member.forest if len(member.forest.sizes) else _stump()
    tree, node = forest.positions()
    is_leaf = forest.left < 0
    leaf, target, weights = _leaves(forest, outputs)
    inner = np.where(is_leaf, 0, 1)
    summed = graph.add_big(
        "TreeEnsembleRegressor",
        features,
        domain="ai.onnx.ml",
        lists={
            "nodes_treeids": tree,
            "nodes_nodeids": node,
            "nodes_featureids": forest.feature * inner,
            "nodes_modes": np.where(is_leaf, b"LEAF", b"BRANCH_LEQ"),
            "nodes_truenodeids": forest.left * inner,
            "nodes_falsenodeids": forest.right * inner,
            "nodes_missing_value_tracks_true": forest.nan_left * inner,
            "target_treeids": tree[leaf],
            "target_nodeids": node[leaf],
            "target_ids": target,
        },
        n_targets=outputs,
        aggregate_function="SUM",
        nodes_values_as_tensor=_doubles("values", forest.threshold * inner),
        target_weights_as_tensor=_doubles("weights", weights * member.scale),
        base_values_as_tensor=_doubles("base", member.base),
    )
    # The operator answers [N, outputs] float32 also for double input, but shape inference does not know the width.
    return graph.add("Reshape", summed, graph.constant(np.array([-1, outputs], dtype=np.int64)))


def _doubles(name: str, values: np.ndarray) -> TensorProto:
    raw = np.ascontiguousarray(values, np.float64).tobytes()
    return helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], raw, raw=True)


def _leaves(forest: Forest, outputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(node position, output, weight): one entry per leaf and output; zeros are left out but for one per leaf."""
    leaf = np.flatnonzero(forest.left < 0)
    if forest.value.ndim == 1:
        tree, _ = forest.positions()
        return leaf, tree[leaf] % outputs, forest.value[leaf]
    values = forest.value[leaf]
    kept = values != 0
    kept[:, 0] |= ~kept.any(axis=1)
    place, target = np.nonzero(kept)
    return leaf[place], target, values[place, target]


def _stump() -> Forest:
    """The operator wants at least one tree."""
    none = np.array([-1])
    return Forest(np.array([1]), np.array([0]), np.zeros(1), none, none, np.array([False]), np.zeros(1))
