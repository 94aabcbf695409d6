"""Gradient boosting on lags: one LightGBM model for all series and steps, absolute error, grown in chunks.

As in `boosting`, a chunk of trees is a booster of its own with its own seed, so a resumed fit grows the same trees.
"""

from typing import Any

import lightgbm
import numpy as np

from workers.train import seeds
from workers.train.boosting import Boosted
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext

CHUNK_TREES = 40
MOST_ROUNDS = 600
PATIENCE = 40  # rounds without a better validation loss
SMALL_CELLS = 300_000  # below this a second OpenMP thread costs more than it brings


def grown_so_far(texts: list[str], rounds: int) -> Boosted:
    return Boosted(texts, rounds, np.zeros(1))


def _parameters(run: RunContext, key: str, x: np.ndarray, chunk: int) -> dict[str, Any]:
    is_small = len(x) < 4_000
    return {
        "objective": "regression_l1",
        "metric": "l1",
        "learning_rate": 0.06,
        "num_leaves": 7 if is_small else 31,
        "min_data_in_leaf": 15 if is_small else 40,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seeds.derive(run.job.seed, key, chunk),
        "boost_from_average": False,
        "num_threads": 1 if x.size < SMALL_CELLS else run.threads,
        "verbosity": -1,
    }


def fit_lags(
    run: RunContext,
    key: str,
    fit: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray] | None,
    time: Slice,
    rounds: int = MOST_ROUNDS,
    family: int = 0,
) -> Boosted:
    """x [M, F] float32, y [M]. Without `valid` all rounds are grown and all count."""
    x, y = fit
    saved = run.checkpoints.partial(key)
    facts = saved.facts if saved else {"texts": [], "rounds": 0, "best_rounds": 0, "best_loss": None}
    texts, grown, best = list(facts["texts"]), facts["rounds"], facts["best_rounds"]
    best_loss = float("inf") if facts["best_loss"] is None else facts["best_loss"]
    score = grown_so_far(texts, grown).raw(x)[:, 0]
    valid_score = grown_so_far(texts, grown).raw(valid[0])[:, 0] if valid else None
    is_over = False
    while grown < rounds and not is_over:
        parameters = _parameters(run, key, x, len(texts))
        data = lightgbm.Dataset(x, label=y, init_score=score, params=parameters, free_raw_data=False)
        booster = lightgbm.Booster(parameters, data)
        if valid is not None and valid_score is not None:
            booster.add_valid(data.create_valid(valid[0], label=valid[1], init_score=valid_score), "valid")
        for _ in range(min(CHUNK_TREES, rounds - grown)):
            is_over = booster.update() or time.is_over()
            grown += 1
            run.progress.alive()
            for _, _, loss, *_ in booster.eval_valid():
                if loss < best_loss - 1e-9:
                    best, best_loss = grown, loss
                if grown % 10 == 0:
                    run.progress.point(family, grown, valid_loss=float(loss))
                is_over = is_over or grown - best >= PATIENCE
            if is_over:
                break
        texts.append(booster.model_to_string(num_iteration=-1))
        newest = grown_so_far(texts[-1:], CHUNK_TREES)  # from the text: what a resumed run would read
        score = score + newest.raw(x)[:, 0]
        if valid is not None and valid_score is not None:
            valid_score = valid_score + newest.raw(valid[0])[:, 0]
        state = {"texts": texts, "rounds": grown, "best_rounds": best}
        state["best_loss"] = best_loss if np.isfinite(best_loss) else None
        run.checkpoints.offer(key, lambda state=state: Saved(dict(state)))  # type: ignore[misc]
    return grown_so_far(texts, best if valid is not None else grown)
