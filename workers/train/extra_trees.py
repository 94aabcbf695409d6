"""Extremely randomised trees by scikit-learn: many cheap, independent trees, exported node by node.

scikit-learn compares float32 features with float64 thresholds by `<=`, as the graph does, and keeps a direction for
missing values. The number of leaves is bounded so that a forest over all folds stays a few megabytes.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from workers.export.parts import Forest
from workers.train import seeds
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext

TREES = 50  # per fold
LEAVES_TOTAL = 20_000  # of all trees of one fold, times outputs
LEAF_ROWS = 3  # least rows of a leaf of a classifier: shares of one row are too sure
ROWS_MOST = 30_000  # of one fit: a step of trees cannot be interrupted
STEP_TREES = 10  # grown between two looks at the clock
Labelled = tuple[np.ndarray, np.ndarray]


def fit_extra_trees(run: RunContext, key: str, fit: Labelled, classes: int, time: Slice) -> Saved:
    """Fewer trees than wished when time runs out."""
    x, y = fit
    if len(x) > ROWS_MOST:
        drawn = np.sort(seeds.generator(run.job.seed, key).permutation(len(x))[:ROWS_MOST])
        x, y = x[drawn], y[drawn]
    leaf_rows = LEAF_ROWS if classes else 1
    leaves = max(8, LEAVES_TOTAL // TREES // max(1, classes if classes > 2 else 1))
    kind = ExtraTreesClassifier if classes else ExtraTreesRegressor
    forest = kind(
        n_estimators=STEP_TREES,
        max_leaf_nodes=leaves if len(x) > leaves * leaf_rows else None,
        min_samples_leaf=leaf_rows,
        max_features=0.4 if classes else 0.9,  # columns looked at per split
        random_state=seeds.derive(run.job.seed, key),
        n_jobs=None,
        warm_start=True,
    )
    while True:
        forest.fit(x.astype(np.float32), y)
        run.progress.alive()
        if forest.n_estimators >= TREES or time.is_over():
            break
        forest.n_estimators += STEP_TREES
    return _as_saved(forest, leaf_rows, classes)


def _as_saved(forest: Any, leaf_rows: int, classes: int) -> Saved:
    """All trees in flat arrays; `values` [nodes, outputs] holds each leaf's share of the forest's answer."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("feature", "threshold", "left", "right", "nan", "leaf")}
    count = len(forest.estimators_)
    for one in forest.estimators_:
        tree = one.tree_
        values = tree.value[:, 0, :]
        if classes:
            shares = np.zeros((len(values), classes))
            shares[:, forest.classes_] = values / values.sum(axis=1, keepdims=True)  # a fold may lack a rare class
            values = shares[:, 1:] if classes == 2 else shares
        parts["feature"].append(tree.feature.astype(np.int32))
        parts["threshold"].append(tree.threshold.astype(np.float64))
        parts["left"].append(tree.children_left.astype(np.int32))
        parts["right"].append(tree.children_right.astype(np.int32))
        parts["nan"].append(tree.missing_go_to_left.astype(np.uint8))
        parts["leaf"].append(values / count)
    arrays = {name: np.concatenate(found) for name, found in parts.items()}
    arrays["sizes"] = np.array([len(one) for one in parts["feature"]], dtype=np.int64)
    return Saved({"setting": leaf_rows}, arrays)


def raw_scores(saved: Saved, x: np.ndarray) -> np.ndarray:
    """[N, outputs] float64: every row walks down every tree."""
    a = saved.arrays
    rows = np.arange(len(x))
    total = np.zeros((len(x), a["leaf"].shape[1]))
    start = 0
    for size in a["sizes"]:
        left, right, feature = (a[name][start : start + size] for name in ("left", "right", "feature"))
        threshold, nan = a["threshold"][start : start + size], a["nan"][start : start + size]
        at = np.zeros(len(x), dtype=np.int64)
        while (inner := left[at] >= 0).any():
            values = x[rows, np.maximum(feature[at], 0)]
            goes_left = np.where(np.isnan(values), nan[at] > 0, values <= threshold[at])
            at = np.where(inner, np.where(goes_left, left[at], right[at]), at)
        total += a["leaf"][start : start + size][at]
        start += size
    return total


def forest(saved: Saved) -> Forest:
    a = saved.arrays
    whole = {name: a[name].astype(np.int64) for name in ("feature", "left", "right")}
    is_leaf = (a["left"] < 0)[:, None]
    return Forest(
        a["sizes"],
        whole["feature"],
        a["threshold"],
        whole["left"],
        whole["right"],
        a["nan"] > 0,
        np.where(is_leaf, a["leaf"], 0.0),
    )
