"""Gradient boosting by LightGBM in chunks, so that a resumed run grows exactly the trees the uninterrupted one would.

LightGBM cannot save its random state, so each chunk of trees is a booster of its own with a seed of its own, started
from the scores of the chunks before it. A chunk boundary is a place where work can stop and go on.
"""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from workers.train import seeds
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext

CHUNK_TREES = 50
MOST_ROUNDS = 2_000
PATIENCE = 100  # rounds without a better validation loss
SMALL_CELLS = 300_000  # below this a second OpenMP thread costs more than it brings


def _raw_scores(booster: lightgbm.Booster, x: np.ndarray, rounds: int) -> np.ndarray:
    """[N, outputs] float64; -1: all rounds."""
    scores = booster.predict(x, raw_score=True, num_iteration=rounds, num_threads=1)
    return np.asarray(scores).reshape(len(x), -1)


@dataclass
class Boosted:
    """Chunks of LightGBM's own model text; only the first `rounds` rounds count."""

    texts: list[str]
    rounds: int
    base: np.ndarray  # float64 [outputs]

    def boosters(self) -> list[tuple[lightgbm.Booster, int]]:
        """Each chunk and how many of its rounds count."""
        pairs = []
        left = self.rounds
        for text in self.texts:
            booster = lightgbm.Booster(model_str=text)
            used = min(left, booster.current_iteration())
            left -= used
            if used:
                pairs.append((booster, used))
        return pairs

    def raw(self, x: np.ndarray) -> np.ndarray:
        """Raw sums [N, outputs] float64."""
        total = np.tile(self.base, (len(x), 1))
        for booster, used in self.boosters():
            total += _raw_scores(booster, x, used)
        return total

    def trees(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for booster, used in self.boosters():
            found.extend(tree["tree_structure"] for tree in booster.dump_model(num_iteration=used)["tree_info"])
        return found


def _parameters(run: RunContext, key: str, x: np.ndarray, classes: int, chunk: int) -> dict[str, Any]:
    rows = len(x)
    is_small = rows < 2_000
    objective = {0: "regression", 2: "binary"}.get(classes, "multiclass")
    return {
        "objective": objective,
        **({"num_class": classes} if classes > 2 else {}),
        "metric": {"regression": "l2", "binary": "binary_logloss"}.get(objective, "multi_logloss"),
        "learning_rate": 0.05,
        "num_leaves": 15 if is_small else 31,
        "min_data_in_leaf": 5 if is_small else 20,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "max_bin": 255,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seeds.derive(run.job.seed, key, chunk),
        "boost_from_average": False,
        "num_threads": 1 if x.size < SMALL_CELLS else run.threads,
        "verbosity": -1,
    }


def base_score(y: np.ndarray, classes: int) -> np.ndarray:
    if classes == 0:
        return np.array([float(y.mean())])
    share = (np.bincount(y, minlength=classes) + 1.0) / (len(y) + classes)
    return np.array([np.log(share[1] / share[0])]) if classes == 2 else np.log(share)


class _Growth:
    """The state that moves from chunk to chunk and into the checkpoint."""

    def __init__(self, saved: Saved | None) -> None:
        facts = saved.facts if saved else {}
        self.texts: list[str] = list(facts.get("texts", []))
        self.rounds: int = facts.get("rounds", 0)
        self.best_rounds: int = facts.get("best_rounds", 0)
        self.best_loss: float = facts.get("best_loss", float("inf"))
        self.is_over: bool = facts.get("is_over", False)

    def as_saved(self) -> Saved:
        return Saved({name: getattr(self, name) for name in ("texts", "rounds", "best_rounds", "best_loss", "is_over")})


def fit_boosting(
    run: RunContext,
    key: str,
    fit: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray] | None,
    classes: int,
    time: Slice,
    rounds: int = MOST_ROUNDS,
    family: int = 0,
) -> Boosted:
    """1. take up the chunks of the checkpoint 2. grow chunk after chunk 3. stop on patience, rounds or time."""
    x, y = fit
    growth = _Growth(run.checkpoints.partial(key))
    base = base_score(y, classes)
    grown = Boosted(growth.texts, growth.rounds, base)
    score = grown.raw(x)
    valid_score = grown.raw(valid[0]) if valid is not None else None
    while not growth.is_over and growth.rounds < rounds:
        parameters = _parameters(run, key, x, classes, len(growth.texts))
        train_set = lightgbm.Dataset(x, label=y, init_score=_shaped(score), params=parameters, free_raw_data=False)
        booster = lightgbm.Booster(parameters, train_set)
        if valid is not None and valid_score is not None:
            booster.add_valid(
                train_set.create_valid(valid[0], label=valid[1], init_score=_shaped(valid_score)), "valid"
            )
        growth.is_over = _grow_chunk(run, booster, growth, min(CHUNK_TREES, rounds - growth.rounds), time, family)
        growth.texts.append(booster.model_to_string(num_iteration=-1))
        booster = lightgbm.Booster(model_str=growth.texts[-1])  # what a resumed run would read
        score += _raw_scores(booster, x, -1)
        if valid is not None and valid_score is not None:
            valid_score += _raw_scores(booster, valid[0], -1)
        run.checkpoints.offer(key, growth.as_saved)
    return Boosted(growth.texts, growth.best_rounds if valid is not None else growth.rounds, base)


def _shaped(score: np.ndarray) -> np.ndarray:
    return score[:, 0] if score.shape[1] == 1 else score


def _grow_chunk(
    run: RunContext, booster: lightgbm.Booster, growth: _Growth, trees: int, time: Slice, family: int
) -> bool:
    """Grow up to `trees` rounds; True when the fit is over."""
    for _ in range(trees):
        cannot_split = booster.update()
        growth.rounds += 1
        run.progress.alive()
        for _, _, loss, *_ in booster.eval_valid():
            if loss < growth.best_loss - 1e-9:
                growth.best_loss, growth.best_rounds = loss, growth.rounds
            if growth.rounds % 10 == 0:
                run.progress.point(family, growth.rounds, valid_loss=float(loss))
            if growth.rounds - growth.best_rounds >= PATIENCE:
                return True
        if cannot_split or time.is_over():
            return True
    return False
