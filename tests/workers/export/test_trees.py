"""Trees in the graph: the comparisons and sums of LightGBM, XGBoost and scikit-learn, missing values included."""

import lightgbm
import numpy as np
import onnxruntime
import pytest
import xgboost
from onnx import TensorProto
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from workers.export.graph import Graph
from workers.export.parts import Forest, Trees, joined
from workers.export.trees_onnx import add_trees
from workers.train import extra_trees, xgboosting
from workers.train.boosting import Boosted
from workers.train.checkpoint import Saved

BATCHES = (1, 7, 64, 800)


def answers(member: Trees, x: np.ndarray) -> list[np.ndarray]:
    """[N, outputs] at several batch sizes."""
    graph = Graph()
    graph.input("x", TensorProto.DOUBLE, ["N", x.shape[1]])
    graph.add("Identity", add_trees(graph, "x", member), output="y")
    graph.output("y", TensorProto.FLOAT, ["N", len(member.base)])
    session = onnxruntime.InferenceSession(graph.finish("trees").SerializeToString())
    return [
        np.concatenate([session.run(None, {"x": x[at : at + size]})[0] for at in range(0, len(x), size)])
        for size in BATCHES
    ]


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    """float32 values in float64, a tenth missing, one column of equal values, extreme numbers."""
    random = np.random.default_rng(0)
    x = random.normal(size=(800, 4)).astype(np.float32).astype(np.float64)
    x[:, 3] = np.round(x[:, 3])  # many rows sit exactly on a threshold: where float32 thresholds go wrong
    y = x[:, 0] + x[:, 3] * x[:, 1]
    x[random.random(x.shape) < 0.1] = np.nan
    x[0], x[1], x[2] = 3e38, -3e38, np.nan
    return x.astype(np.float32).astype(np.float64), y


@pytest.mark.parametrize("classes", [1, 3])
def test_the_graph_sums_exactly_what_lightgbm_sums(classes: int, table: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = table
    label = y if classes == 1 else np.digitize(y, [-0.5, 0.5])
    settings = {"objective": "regression"} if classes == 1 else {"objective": "multiclass", "num_class": classes}
    booster = lightgbm.train({**settings, "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(x, label), 60)
    base = np.arange(classes, dtype=np.float64)
    grown = Boosted([booster.model_to_string()], 50, base)  # fewer rounds than were grown
    expected = booster.predict(x, raw_score=True, num_iteration=50).reshape(len(x), -1) + base
    for answer in answers(Trees(base, grown.forest()), x):
        np.testing.assert_array_equal(answer, expected.astype(np.float32))


def test_columns_without_missing_values_in_training_read_one_as_lightgbm_does() -> None:
    x = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32).astype(np.float64)
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(x, x[:, 0] > 0.3), 20)
    x[::3, 0] = np.nan
    expected = booster.predict(x, raw_score=True).reshape(-1, 1).astype(np.float32)
    grown = Boosted([booster.model_to_string()], 20, np.zeros(1))
    np.testing.assert_array_equal(answers(Trees(np.zeros(1), grown.forest()), x)[0], expected)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_the_graph_asks_the_questions_of_xgboost(classes: int, table: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = table
    label = y if classes == 0 else np.digitize(y, [-0.5, 0.5][: classes - 1])
    objective = {0: "reg:squarederror", 2: "binary:logistic", 3: "multi:softprob"}[classes]
    parameters = {"objective": objective, "base_score": 0.5 if classes else 0.0, "max_depth": 6, "nthread": 1}
    base = np.array([0.1, 0.2, 0.3][: max(1, classes - 1 if classes == 2 else classes)])
    matrix = xgboosting._matrix(x, label, base, 1)
    booster = xgboost.train({**parameters, **({"num_class": 3} if classes == 3 else {})}, matrix, 40)
    saved = Saved({}, {"model": np.frombuffer(booster.save_raw("ubj"), np.uint8), "base": base})
    expected = xgboosting.raw_scores(saved, x, classes)
    part = Trees(base.astype(np.float32).astype(np.float64), xgboosting.forest(saved))
    for answer in answers(part, x):
        np.testing.assert_allclose(answer, expected, atol=3e-6)  # XGBoost sums in float32; a wrong turn is 1e-2


@pytest.mark.parametrize("classes", [0, 2, 4])
def test_the_graph_and_the_walk_are_extra_trees(classes: int, table: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = table
    label = y if classes == 0 else np.digitize(y, [-0.5, 0.5, 1.5][: classes - 1])
    kind = ExtraTreesClassifier if classes else ExtraTreesRegressor
    model = kind(n_estimators=12, min_samples_leaf=2, random_state=1).fit(x.astype(np.float32), label)
    saved = extra_trees._as_saved(model, 2, classes)
    expected = model.predict_proba(x)[:, 1 if classes == 2 else 0 :] if classes else model.predict(x)[:, None]
    np.testing.assert_allclose(extra_trees.raw_scores(saved, x), expected, atol=1e-12)
    for answer in answers(Trees(np.zeros(expected.shape[1]), extra_trees.forest(saved)), x):
        np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_a_class_that_a_fold_never_saw_has_no_share() -> None:
    x = np.random.default_rng(2).normal(size=(60, 2))
    model = ExtraTreesClassifier(5, random_state=1).fit(x, np.repeat([0, 3], 30))
    shares = extra_trees.raw_scores(extra_trees._as_saved(model, 1, 4), x)
    assert shares.shape == (60, 4)
    assert (shares[:, [1, 2]] == 0).all()


def test_several_forests_are_one_with_scaled_leaves(table: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = table
    boosters = [
        lightgbm.train({"verbosity": -1, "num_threads": 1, "seed": i}, lightgbm.Dataset(x, y), 10 + i) for i in (1, 2)
    ]
    forests = [Boosted([one.model_to_string()], 99, np.zeros(1)).forest() for one in boosters]
    expected = np.mean([one.predict(x) for one in boosters], axis=0)[:, None]
    np.testing.assert_allclose(answers(Trees(np.zeros(1), joined(forests), 0.5), x)[0], expected, atol=1e-6)


def test_no_tree_at_all_is_the_base() -> None:
    empty = np.zeros(0, dtype=np.int64)
    none = Forest(empty, empty, np.zeros(0), empty, empty, np.zeros(0, bool), np.zeros(0))
    for answer in answers(Trees(np.array([0.25]), none), np.zeros((3, 2))):
        np.testing.assert_array_equal(answer, np.full((3, 1), 0.25, dtype=np.float32))
