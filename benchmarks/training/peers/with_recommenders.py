"""Recommenders of `implicit`, EASE as its paper has it, and what is popular."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from bench_job import Job, Model, run, size_of
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import BM25Recommender
from scipy.sparse import csr_matrix

TOP = 10
CORES = 2
EASE_PENALTY = 250.0  # of the order that the paper finds best for logs of this size

Scores = Callable[[np.ndarray], np.ndarray]  # users [n] -> a score for each item [n, items]


def fit(job: Job) -> Model:
    log = job.train()
    users, items = pd.Categorical(log["user_id"]), pd.Categorical(log["item_id"])
    met = csr_matrix(
        (np.ones(len(log), np.float32), (users.codes, items.codes)), (len(users.categories), len(items.categories))
    )
    met.data[:] = 1
    scores, kept = CONTENDERS[job.contender](met, job)
    asked = job.test()["user_id"].to_numpy()
    codes = users.categories.get_indexer(asked)
    popular = np.asarray(met.sum(axis=0)).ravel()

    def best(codes: np.ndarray) -> np.ndarray:
        """The ten best unmet items of each user [n, 10]; a stranger (-1) gets what is popular."""
        found = np.tile(popular, (len(codes), 1)).astype(np.float32)
        known = codes >= 0
        found[known] = np.where(met[codes[known]].toarray() > 0, -np.inf, scores(codes[known]))
        return np.argsort(-found, axis=1, kind="stable")[:, :TOP]

    def predict() -> pd.DataFrame:
        ranked = items.categories.to_numpy()[best(codes)]
        ranks = np.tile(np.arange(1, TOP + 1), len(asked))
        return pd.DataFrame({"user_id": np.repeat(asked, TOP), "item_id": ranked.ravel(), "rank": ranks})

    return Model(predict, lambda: best(codes[:1]), lambda: size_of(kept) + size_of(met), ("implicit", "scipy"))


def _popularity(met: csr_matrix, job: Job) -> tuple[Scores, Any]:
    popular = np.asarray(met.sum(axis=0)).ravel()
    return lambda codes: np.tile(popular, (len(codes), 1)), popular


def _ease(met: csr_matrix, job: Job) -> tuple[Scores, Any]:
    """Steck 2019, Embarrassingly Shallow Autoencoders for Sparse Data."""
    gram = (met.T @ met).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += EASE_PENALTY
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    weights = weights.astype(np.float32)
    return lambda codes: met[codes] @ weights, weights


def _als(met: csr_matrix, job: Job) -> tuple[Scores, Any]:
    model = AlternatingLeastSquares(num_threads=CORES, random_state=job.seed)
    model.fit(met, show_progress=False)
    return lambda codes: model.user_factors[codes] @ model.item_factors.T, model


def _bpr(met: csr_matrix, job: Job) -> tuple[Scores, Any]:
    model = BayesianPersonalizedRanking(num_threads=CORES, random_state=job.seed)
    model.fit(met, show_progress=False)
    return lambda codes: model.user_factors[codes] @ model.item_factors.T, model


def _item_knn(met: csr_matrix, job: Job) -> tuple[Scores, Any]:
    model = BM25Recommender(K=100, num_threads=CORES)
    model.fit(met, show_progress=False)
    return lambda codes: (met[codes] @ model.similarity).toarray(), model.similarity


CONTENDERS = {"popularity": _popularity, "ease": _ease, "als": _als, "bpr": _bpr, "item-knn": _item_knn}

if __name__ == "__main__":
    run(fit)
