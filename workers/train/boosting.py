"""Gradient boosting by LightGBM in chunks, so that a resumed run grows exactly the trees the uninterrupted one would.

LightGBM cannot save its random state, so each chunk of trees is a booster of its own with a seed of its own, started
from the scores of the chunks before it. A chunk boundary is a place where work can stop and go on.
"""

import functools
import zlib
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from workers.export.parts import Forest, joined
from workers.train import seeds
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext

CHUNK_TREES = 50
MOST_ROUNDS = 2_000
PATIENCE = 60  # rounds without a better validation loss
SMALL_CELLS = 300_000  # below this a second OpenMP thread costs more than it brings


@dataclass(frozen=True)
class Style:
    """How trees are grown: many leaves find interactions, few leaves generalise from little data."""

    leaves: int = 31
    rate: float = 0.05
    column_share: float = 0.7
    l2: float = 1.0
    row_share: float = 0.8
    least_leaf_rows: int = 0  # 0: by the number of rows, which then also bounds the leaves


UNSEEN = -1  # number of a family that draws no curve
DEEP = Style()
SMALL = Style(leaves=7, rate=0.06, column_share=0.5, l2=3.0)


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
            booster = _booster_of(text)
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

    def as_saved(self) -> Saved:
        """Texts packed: a checkpoint's header is no place for megabytes."""
        packed = {f"t{i}": _packed(text) for i, text in enumerate(self.texts)}
        return Saved({"setting": max(1, self.rounds), "rounds": self.rounds}, {"base": self.base, **packed})

    @classmethod
    def from_saved(cls, saved: Saved) -> "Boosted":
        texts = [_unpacked(saved.arrays[f"t{i}"]) for i in range(len(saved.arrays) - 1)]
        return cls(texts, saved.facts["rounds"], saved.arrays["base"])

    def forest(self) -> Forest:
        """The counted rounds of every chunk, in order."""
        outputs = len(self.base)
        left = self.rounds
        found: list[Forest] = []
        for text in self.texts:
            trees = text.split("\nTree=")[1:][: left * outputs]
            left -= len(trees) // outputs
            found.extend(_forest_of(tree) for tree in trees)
        return joined(found) if found else joined([_NO_TREE])


_NO_TREE = Forest(*(np.zeros(0, kind) for kind in (np.int64, np.int64, float, np.int64, np.int64, bool, float)))
_DEFAULT_LEFT, _MISSING_SHIFT, _MISSING_IS_NAN = 2, 2, 2  # bits of LightGBM's decision_type


def _forest_of(text: str) -> Forest:
    """One tree of LightGBM's model text: inner nodes are numbered first, leaf i becomes node inner + i."""
    lines = dict(line.split("=", 1) for line in text.split("\n") if "=" in line)

    def numbers(name: str, kind: type) -> np.ndarray:
        return np.array(lines.get(name, "").split(), dtype=kind)

    leaves = numbers("leaf_value", float)
    inner = len(leaves) - 1
    threshold, decisions = numbers("threshold", float), numbers("decision_type", int)
    # Without NaN in training LightGBM reads a NaN as 0.0; the features never send one there, but stay equal.
    knows_nan = (decisions >> _MISSING_SHIFT) & 3 == _MISSING_IS_NAN
    nan_left = np.where(knows_nan, decisions & _DEFAULT_LEFT > 0, threshold >= 0.0)
    children = [numbers(name, int) for name in ("left_child", "right_child")]
    end = np.full(len(leaves), -1)
    left, right = (np.concatenate([np.where(one < 0, inner + ~one, one), end]).astype(np.int64) for one in children)
    zeros = np.zeros(len(leaves))
    return Forest(
        np.array([inner + len(leaves)]),
        np.concatenate([numbers("split_feature", int), zeros.astype(np.int64)]).astype(np.int64),
        np.concatenate([threshold, zeros]),
        left,
        right,
        np.concatenate([nan_left, zeros > 0]).astype(bool),
        np.concatenate([np.zeros(inner), leaves]),
    )


@functools.lru_cache(maxsize=64)
def _booster_of(text: str) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=text)


def _packed(text: str) -> np.ndarray:
    return np.frombuffer(zlib.compress(text.encode(), 1), dtype=np.uint8)


def _unpacked(raw: np.ndarray) -> str:
    return zlib.decompress(raw.tobytes()).decode()


def _parameters(run: RunContext, key: str, x: np.ndarray, classes: int, chunk: int, style: Style) -> dict[str, Any]:
    rows = len(x)
    is_small = rows < 2_000
    objective = {0: "regression", 2: "binary"}.get(classes, "multiclass")
    return {
        "objective": objective,
        **({"num_class": classes} if classes > 2 else {}),
        "metric": {"regression": "l2", "binary": "binary_logloss"}.get(objective, "multi_logloss"),
        "learning_rate": style.rate,
        "num_leaves": min(15, style.leaves) if is_small and not style.least_leaf_rows else style.leaves,
        "min_data_in_leaf": style.least_leaf_rows or (5 if is_small else 20),
        "feature_fraction": style.column_share,
        "bagging_fraction": style.row_share,
        "bagging_freq": 1,
        "lambda_l2": style.l2,
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
        packed = saved.arrays if saved else {}
        self.texts: list[str] = [_unpacked(packed[f"t{i}"]) for i in range(len(packed))]
        self.rounds: int = facts.get("rounds", 0)
        self.best_rounds: int = facts.get("best_rounds", 0)
        self.best_loss: float = facts.get("best_loss", float("inf"))
        self.is_over: bool = facts.get("is_over", False)

    def as_saved(self) -> Saved:
        facts = {name: getattr(self, name) for name in ("rounds", "best_rounds", "best_loss", "is_over")}
        return Saved(facts, {f"t{i}": _packed(text) for i, text in enumerate(self.texts)})


def fit_boosting(
    run: RunContext,
    key: str,
    fit: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray] | None,
    classes: int,
    time: Slice,
    rounds: int = MOST_ROUNDS,
    family: int = 0,
    style: Style = DEEP,
) -> Boosted:
    """1. take up the chunks of the checkpoint 2. grow chunk after chunk 3. stop on patience, rounds or time."""
    x, y = fit
    growth = _Growth(run.checkpoints.partial(key))
    base = base_score(y, classes)
    grown = Boosted(growth.texts, growth.rounds, base)
    score = grown.raw(x)
    valid_score = grown.raw(valid[0]) if valid is not None else None
    while not growth.is_over and growth.rounds < rounds:
        parameters = _parameters(run, key, x, classes, len(growth.texts), style)
        train_set = lightgbm.Dataset(x, label=y, init_score=_shaped(score), params=parameters, free_raw_data=False)
        booster = lightgbm.Booster(parameters, train_set)
        if valid is not None and valid_score is not None:
            booster.add_valid(
                train_set.create_valid(valid[0], label=valid[1], init_score=_shaped(valid_score)), "valid"
            )
        growth.is_over = _grow_chunk(run, booster, growth, min(CHUNK_TREES, rounds - growth.rounds), time, family)
        growth.texts.append(booster.model_to_string(num_iteration=-1))
        booster = _booster_of(growth.texts[-1])  # what a resumed run would read
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
            if growth.rounds % 10 == 0 and family != UNSEEN:
                run.progress.point(family, growth.rounds, valid_loss=float(loss))
            if growth.rounds - growth.best_rounds >= PATIENCE:
                return True
        if cannot_split or time.is_over():
            return True
    return False
