"""LightGBM trees in the graph: the same comparisons and sums, to the last bit of a float32."""

import lightgbm
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from workers.export.graph import Graph
from workers.export.parts import Trees
from workers.export.trees_onnx import add_trees


def session_of(member: Trees, width: int) -> onnxruntime.InferenceSession:
    graph = Graph()
    graph.input("x", TensorProto.DOUBLE, ["N", width])
    graph.add("Identity", add_trees(graph, "x", member), output="y")
    graph.output("y", TensorProto.FLOAT, ["N", len(member.base)])
    return onnxruntime.InferenceSession(graph.finish("trees").SerializeToString())


@pytest.mark.parametrize("classes", [1, 3])
def test_the_graph_sums_exactly_what_lightgbm_sums(classes: int) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(800, 4)).astype(np.float32).astype(np.float64)
    x[random.random(x.shape) < 0.1] = np.nan
    x[:, 3] = np.round(np.nan_to_num(x[:, 3]))  # many rows sit on equal values
    y = np.nan_to_num(x[:, 0]) > 0 if classes == 1 else np.digitize(np.nan_to_num(x[:, 0]), [-0.5, 0.5])
    settings = {"objective": "regression"} if classes == 1 else {"objective": "multiclass", "num_class": classes}
    booster = lightgbm.train({**settings, "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(x, y), 60)
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    base = np.arange(classes, dtype=np.float64)
    expected = booster.predict(x, raw_score=True).reshape(len(x), -1) + base
    # Rows exactly on a threshold are where float32 thresholds go wrong.
    (answer,) = session_of(Trees(base, trees), 4).run(None, {"x": x})
    np.testing.assert_array_equal(answer, expected.astype(np.float32))


def test_no_tree_at_all_is_the_base() -> None:
    (answer,) = session_of(Trees(np.array([0.25]), []), 2).run(None, {"x": np.zeros((3, 2))})
    np.testing.assert_array_equal(answer, np.full((3, 1), 0.25, dtype=np.float32))
