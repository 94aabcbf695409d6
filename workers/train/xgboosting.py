"""A second kind of gradient boosting, by XGBoost: errs differently from LightGBM, and holds rare classes better.

XGBoost compares float32 with `<`; the graph compares with `<=`, so each threshold is moved to the float32 just below:
for float32 features that is the same question. Missing values go where training sent them.
"""

import json
from typing import Any

import numpy as np
import xgboost

from workers.export.parts import Forest, joined
from workers.train import seeds
from workers.train.boosting import SMALL_CELLS, base_score
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext

MOST_ROUNDS = 1_500
PATIENCE = 50  # rounds without a better loss
Labelled = tuple[np.ndarray, np.ndarray]


def _parameters(run: RunContext, key: str, x: np.ndarray, classes: int, rate: float) -> dict[str, Any]:
    objective = {0: "reg:squarederror", 2: "binary:logistic"}.get(classes, "multi:softprob")
    return {
        "objective": objective,
        **({"num_class": classes} if classes > 2 else {}),
        "eval_metric": {0: "rmse", 2: "logloss"}.get(classes, "mlogloss"),
        "base_score": 0.5 if classes else 0.0,
        "eta": rate,
        "max_depth": 6 if len(x) >= 2_000 else 4,
        "min_child_weight": 3 if classes == 0 else 1,
        "subsample": 0.8,
        "colsample_bytree": 0.7,
        "lambda": 2.0,
        "tree_method": "hist",
        "seed": seeds.derive(run.job.seed, key),
        "nthread": 1 if x.size < SMALL_CELLS else run.threads,
        "verbosity": 0,
    }


def _matrix(x: np.ndarray, y: np.ndarray | None, base: np.ndarray, threads: int) -> xgboost.DMatrix:
    margin = np.tile(base.astype(np.float32), (len(x), 1))
    return xgboost.DMatrix(
        x.astype(np.float32), label=y, base_margin=margin[:, 0] if len(base) == 1 else margin, nthread=threads
    )


def fit_xgboost(
    run: RunContext,
    key: str,
    fit: Labelled,
    held: Labelled | None,
    classes: int,
    time: Slice,
    rounds: int = 0,
    rate: float = 0.06,
) -> Saved:
    """Until patience, rounds or time run out; `rounds` of the best loss are kept."""
    x, y = fit
    base = base_score(y, classes)
    parameters = _parameters(run, key, x, classes, rate)
    train = _matrix(x, y, base, parameters["nthread"])
    valid = _matrix(held[0], held[1], base, parameters["nthread"]) if held else None
    booster = xgboost.Booster(parameters, [train, valid] if valid else [train])
    best_loss, best_rounds, done = float("inf"), 0, 0
    while done < (rounds or MOST_ROUNDS):
        booster.update(train, done)
        done += 1
        run.progress.alive()
        if valid is not None:
            loss = float(booster.eval(valid).rsplit(":", 1)[1])
            if loss < best_loss - 1e-9:
                best_loss, best_rounds = loss, done
            if done - best_rounds >= PATIENCE:
                break
        if time.is_over():
            break
    kept = max(1, best_rounds if valid is not None else done)
    raw = np.frombuffer(booster[:kept].save_raw("ubj"), dtype=np.uint8)
    return Saved({"setting": kept}, {"model": raw, "base": base})


def raw_scores(saved: Saved, x: np.ndarray, classes: int) -> np.ndarray:
    """[N, outputs] float64: XGBoost's own margins."""
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(saved.arrays["model"].tobytes()))
    scores = booster.predict(_matrix(x, None, saved.arrays["base"], 1), output_margin=True)
    return np.asarray(scores, dtype=np.float64).reshape(len(x), -1)


def forest(saved: Saved) -> Forest:
    """XGBoost's own arrays, thresholds moved just below so that `<=` asks what `<` asked."""
    booster = xgboost.Booster(model_file=bytearray(saved.arrays["model"].tobytes()))
    model = json.loads(booster.save_raw("json"))
    return joined([_forest_of(tree) for tree in model["learner"]["gradient_booster"]["model"]["trees"]])


def _forest_of(tree: dict[str, Any]) -> Forest:
    left, right, feature = (
        np.array(tree[name], dtype=np.int64) for name in ("left_children", "right_children", "split_indices")
    )
    conditions = np.array(tree["split_conditions"], dtype=np.float32)  # in a leaf: its value
    is_leaf = left < 0
    below = np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)
    return Forest(
        np.array([len(left)]),
        feature,
        np.where(is_leaf, 0.0, below),
        left,
        right,
        np.array(tree["default_left"], dtype=bool),
        np.where(is_leaf, conditions, 0.0).astype(np.float64),
    )
