"""Texts to vectors: latent semantic analysis, and MiniLM where the budget allows; judged by whether the two halves of
a text it has not seen lie next to each other, and by whether neighbours share their label where there is one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from contracts.manifests import EvaluationReport, OutputMeaning, TensorSpec
from workers.export import latency, parity, retrieval_onnx
from workers.train import evaluation, seeds, text_embedding, text_reading
from workers.train.budget import Slice
from workers.train.context import RunContext
from workers.train.failures import UserFailure
from workers.train.splits import Parts, by_share
from workers.train.text_data import TextData, load_texts
from workers.train.text_embedding import Embedder

FAMILIES = ("lsa", "minilm")
READING_SHARE = 0.4
LEAST_WORDS = 4  # of a text that is cut in two
MOST_JUDGED = 300  # texts cut in two; each costs two readings
NEIGHBOURS = 5
MOST_PARITY = {"lsa": 500, "minilm": 24}


def load(run: RunContext, path: Path) -> TextData:
    return load_texts(run, path, with_classes=bool(run.job.target))


def split(run: RunContext, data: TextData) -> Parts:
    parts = by_share(data.truth, run.job.splits, run.job.seed)
    most = text_reading.affordable(data.texts, READING_SHARE * run.budget.fitting_left_s())
    every = len(data.texts) / max(60, min(most, len(data.texts)))
    three = (parts.train, parts.valid, parts.test)
    return Parts(*(part[np.unique(np.arange(0, len(part), every).astype(int))] for part in three))


@dataclass
class Fitted:
    data: TextData
    embedder: Embedder
    family: str

    reference_name = f"torch {torch.__version__}, numpy {np.__version__}"
    tolerance = parity.TOLERANCE_PROBABILITY

    def to_onnx(self) -> onnx.ModelProto:
        graphs = text_embedding.graphs_for([self.embedder], self.data.tensors)
        return retrieval_onnx.embedding(graphs, self.embedder.part(), self.embedder.width)

    def parity_groups(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        rows = rows[: MOST_PARITY[self.family]]
        return [(self.data.feed(rows), self.embedder.of([self.data.texts[row] for row in rows]))]

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        return []  # nothing is predicted

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        tensors = [TensorSpec("vector", "FP32", [-1, self.embedder.width])]
        return tensors, OutputMeaning("embedding", vector_tensor="vector")

    def describe(self) -> dict[str, Any]:
        return self.data.describe()


def fit(run: RunContext, data: TextData, parts: Parts) -> Fitted:
    """1. read 2. each family 3. the one whose halves find each other on validation texts."""
    learnt = [data.texts[row] for row in parts.fitted]
    run.progress.stage("read the texts", 0.1, eta_seconds=run.budget.left_s())
    features = text_reading.read(learnt, text_embedding.KINDS, run.progress.alive)
    width = int(run.job.options.get("dimensions") or 0)
    found: dict[str, tuple[float, Embedder]] = {}
    for index, family in enumerate(one for one in FAMILIES if run.wants(one)):
        run.progress.stage(f"fit {family}", 0.2 + 0.3 * index, eta_seconds=run.budget.left_s())
        time = run.budget.slice(0.8)
        run.progress.candidate(family, state="fitting")
        embedder: Embedder | str | None
        if family == "lsa":
            embedder = text_embedding.fit_lsa(features, learnt, width or text_embedding.LATENT_WIDTH, run.job.seed)
            embedder = embedder or "The texts have no words in common."
        elif (run.budget.is_stopped() or time.seconds <= 0) and found:
            embedder = "There was no time left in the budget."
        else:
            embedder = text_embedding.fit_minilm(run, features, data.texts, parts.fitted, width, time)
        if isinstance(embedder, str):
            run.progress.candidate(family, state="skipped", note=embedder)
            continue
        scores = judged(data, embedder, parts.valid, run.job.seed)[0]
        facts = _export_facts(data, embedder, parts) if family == "lsa" else {}
        took_s = round(time.used_s(), 3)
        run.progress.candidate(family, state="done", metrics=scores, fit_seconds=took_s, **facts)
        found[family] = scores.get("neighbour_agreement", scores["mrr"]), embedder
    if not found:
        raise UserFailure("yours:budget-spent", "No model family was ready when the budget ended.")
    best = max(found, key=lambda family: found[family][0])
    run.progress.candidate(best, is_best=True)
    return Fitted(data, found[best][1], best)


def _export_facts(data: TextData, embedder: Embedder, parts: Parts) -> dict[str, Any]:
    raw = Fitted(data, embedder, embedder.family).to_onnx().SerializeToString()
    feed = data.feed(parts.valid[:1])
    return {"size_bytes": len(raw), **latency.measured(raw, feed)}


def judged(
    data: TextData, embedder: Embedder, rows: np.ndarray, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Scores and what chance gives: do halves of a text find each other, do neighbours share their label?"""
    drawn = seeds.generator(seed, "halves").permutation(rows)[:MOST_JUDGED]
    halves = [_halves(data.texts[row]) for row in drawn]
    cut = [one for one in halves if one is not None]
    scores, chance = {"mrr": 0.0, "hit@1": 0.0, "hit@5": 0.0}, text_embedding.by_chance(max(1, len(cut)))
    if len(cut) > 1:
        first, second = (embedder.of([pair[side] for pair in cut]) for side in (0, 1))
        scores = text_embedding.of_ranks(text_embedding.ranks(first @ second.T, np.arange(len(cut))))
    scores["variance_kept"], chance["variance_kept"] = embedder.share, 0.0
    if data.classes and len(drawn) > NEIGHBOURS:
        vectors, truth = embedder.of_known(drawn, [data.texts[row] for row in drawn]), data.truth[drawn]
        near = vectors @ vectors.T
        np.fill_diagonal(near, -np.inf)
        agree = truth[np.argsort(-near, axis=1, kind="stable")[:, :NEIGHBOURS]] == truth[:, None]
        scores["neighbour_agreement"] = float(agree.mean())
        chance["neighbour_agreement"] = float(((np.bincount(truth) / len(truth)) ** 2).sum())
    return scores, chance


def _halves(text: str) -> tuple[str, str] | None:
    words = text.split()
    if len(words) < LEAST_WORDS:
        return None
    middle = len(words) // 2
    return " ".join(words[:middle]), " ".join(words[middle:])


def evaluate(run: RunContext, data: TextData, fitted: Fitted, parts: Parts) -> EvaluationReport:
    scores, chance = judged(data, fitted.embedder, parts.test, run.job.seed)
    return EvaluationReport(
        metrics=evaluation.rounded(scores),
        baseline=evaluation.rounded(chance),
        primary_metric="mrr",
        higher_is_better=True,
        rows=len(parts.test),
    )
