"""Question answering by retrieval: the stored answer whose known questions, or whose own words, are nearest.

Judged on questions that were kept out of the index: at which place does their own answer come among all answers?
The exported index then holds every pair.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from contracts.manifests import EvaluationReport, OutputMeaning, TensorSpec
from workers.export import parity, retrieval_onnx
from workers.train import evaluation, text_embedding, text_reading
from workers.train.budget import Slice
from workers.train.context import RunContext
from workers.train.failures import UserFailure
from workers.train.splits import Parts, by_share
from workers.train.text_data import TextData, load_texts
from workers.train.text_embedding import Embedder

FAMILIES = ("lsa", "minilm")
TOP_DEFAULT, TOP_MOST = 5, 50
MOST_ANSWERS = 50_000
READING_SHARE = 0.8
MOST_JUDGED = 1_000  # questions
BLENDS = (0.25, 0.5, 0.75)  # share of MiniLM in the score
LEAST_GAIN = 0.005  # of MRR, for which two embeddings are kept instead of one
MOST_PARITY = {False: 500, True: 24}
MOST_EXAMPLES = 100


@dataclass
class Pairs:
    """Questions (data.texts), the different answers, and which one belongs to each question."""

    data: TextData
    answers: list[str]
    owner: np.ndarray

    @property
    def everything(self) -> list[str]:
        """Questions, then answers: what is stored."""
        return [*self.data.texts, *self.answers]


def load(run: RunContext, path: Path) -> Pairs:
    data = load_texts(run, path, with_classes=False)
    values = data.labels
    answers, owner = np.unique(values, return_inverse=True)
    if len(answers) < 2:
        raise UserFailure("yours:one-class", "All questions have the same answer.")
    if len(answers) > MOST_ANSWERS:
        raise UserFailure("yours:target-type", f"There are {len(answers):,} answers; at most {MOST_ANSWERS:,}.")
    run.progress.log(f"{len(values):,} questions with {len(answers):,} different answers.")
    return Pairs(data, [str(one) for one in answers], owner.astype(np.int64))


def split(run: RunContext, data: Pairs) -> Parts:
    """All pairs are needed, so a budget that cannot read them is refused rather than sampled."""
    affordable = text_reading.affordable(data.everything, READING_SHARE * run.budget.fitting_left_s())
    if affordable < len(data.everything):
        detail = f"About {affordable:,} of {len(data.everything):,} texts could be read; give the run more seconds."
        raise UserFailure("yours:budget-too-small", detail)
    return by_share(np.zeros(len(data.owner), dtype=np.int64), run.job.splits, run.job.seed)


@dataclass
class Fitted:
    """Shares and embedders with the vectors of everything stored."""

    pairs: Pairs
    members: list[tuple[float, Embedder, np.ndarray]]
    family: str
    top: int

    reference_name = f"torch {torch.__version__}, numpy {np.__version__}"
    tolerance = parity.TOLERANCE_PROBABILITY

    def scores(self, texts: list[str], known: np.ndarray) -> np.ndarray:
        """[N, answers]; `known`: the questions in the index."""
        total = sum(share * (embedder.of(texts) @ stored.T) for share, embedder, stored in self.members)
        return best_of(np.asarray(total), self.pairs, known)

    def to_onnx(self) -> onnx.ModelProto:
        embedders = [embedder for _, embedder, _ in self.members]
        graphs = text_embedding.graphs_for(embedders, self.pairs.data.tensors)
        indexes = [retrieval_onnx.Index(one.part(), share, stored) for share, one, stored in self.members]
        owners = _owners(self.pairs, np.arange(len(self.pairs.owner)))
        return retrieval_onnx.answers(graphs, indexes, owners, self.pairs.answers, self.top)

    def parity_groups(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        data = self.pairs.data
        rows = rows[: MOST_PARITY[any(one.vectors is not None for _, one, _ in self.members)]]
        scores = self.scores([data.texts[row] for row in rows], np.arange(len(self.pairs.owner)))
        return [(data.feed(rows), -np.sort(-scores, axis=1)[:, : self.top])]

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        return []  # there is one input

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        k = min(self.top, len(self.pairs.answers))
        tensors = [TensorSpec("items", "BYTES", [-1, k]), TensorSpec("scores", "FP32", [-1, k])]
        return tensors, OutputMeaning("ranking", items_tensor="items", scores_tensor="scores")

    def describe(self) -> dict[str, Any]:
        return self.pairs.data.describe()


def _owners(pairs: Pairs, known: np.ndarray) -> np.ndarray:
    """[answers, most] places in `everything` of the answer itself and its known questions; -1 behind the last."""
    places: list[list[int]] = [[len(pairs.owner) + answer] for answer in range(len(pairs.answers))]
    for row in known.tolist():
        places[int(pairs.owner[row])].append(row)
    width = max(map(len, places))
    return np.array([row + [-1] * (width - len(row)) for row in places], dtype=np.int64)


def best_of(scores: np.ndarray, pairs: Pairs, known: np.ndarray) -> np.ndarray:
    """[N, stored] to [N, answers]: each answer counts by its best stored text."""
    best = scores[:, len(pairs.owner) :].copy()
    for row in known.tolist():
        place = pairs.owner[row]
        best[:, place] = np.maximum(best[:, place], scores[:, row])
    return best


def fit(run: RunContext, data: Pairs, parts: Parts) -> Fitted:
    """1. read 2. each embedding 3. alone or together, by the place of the right answer for validation questions."""
    run.progress.stage("read the texts", 0.1, eta_seconds=run.budget.left_s())
    everything = data.everything
    learnt = np.concatenate([parts.fitted, np.arange(len(data.owner), len(everything))])
    texts = [everything[row] for row in learnt]
    features = text_reading.read(texts, text_embedding.KINDS, run.progress.alive)
    embedders: dict[str, Embedder] = {}
    stored: dict[str, np.ndarray] = {}
    for index, family in enumerate(one for one in FAMILIES if run.wants(one)):
        run.progress.stage(f"fit {family}", 0.2 + 0.3 * index, eta_seconds=run.budget.left_s())
        time = run.budget.slice(0.8)
        run.progress.candidate(family, state="fitting")
        found: Embedder | str | None
        if family == "lsa":
            found = text_embedding.fit_lsa(features, texts, text_embedding.LATENT_WIDTH, run.job.seed)
            found = found or "The texts have no words in common."
        else:
            found = text_embedding.fit_minilm(run, features, everything, learnt, 0, time)
        if isinstance(found, str):
            run.progress.candidate(family, state="skipped", note=found)
            continue
        embedders[family] = found
        stored[family] = found.of_known(np.arange(len(everything)), everything)
        scores = _judged(data, {family: 1.0}, stored, parts.valid, parts.train)
        run.progress.candidate(family, state="done", metrics=scores, fit_seconds=round(time.used_s(), 3))
    if not embedders:
        raise UserFailure("yours:budget-spent", "No model family was ready when the budget ended.")
    shares = _shares(run, data, stored, parts)
    members = [(share, embedders[family], stored[family]) for family, share in shares.items()]
    family = next(one.family for one in run.progress.candidates.values() if one.is_best)
    top = int(np.clip(int(run.job.options.get("top") or TOP_DEFAULT), 1, min(TOP_MOST, len(data.answers))))
    return Fitted(data, members, family, top)


def _judged(
    data: Pairs, shares: dict[str, float], stored: dict[str, np.ndarray], asked: np.ndarray, known: np.ndarray
) -> dict[str, float]:
    asked = asked[:MOST_JUDGED]
    total = sum(share * (stored[family][asked] @ stored[family].T) for family, share in shares.items())
    return text_embedding.of_ranks(text_embedding.ranks(best_of(np.asarray(total), data, known), data.owner[asked]))


def _shares(run: RunContext, data: Pairs, stored: dict[str, np.ndarray], parts: Parts) -> dict[str, float]:
    """The best single embedding, or a blend of both that is clearly better."""
    alone = {name: _judged(data, {name: 1.0}, stored, parts.valid, parts.train)["mrr"] for name in stored}
    best = max(alone, key=lambda name: alone[name])
    shares, least = {best: 1.0}, alone[best] + LEAST_GAIN
    for blend in BLENDS if len(stored) == 2 else ():
        tried = {"lsa": 1 - blend, "minilm": blend}
        scores = _judged(data, tried, stored, parts.valid, parts.train)
        if scores["mrr"] >= least:
            shares, least = tried, scores["mrr"] + 1e-9
            run.progress.candidate("ensemble", state="done", metrics=scores, note=f"{blend:.0%} MiniLM")
    run.progress.candidate("ensemble" if len(shares) > 1 else best, is_best=True)
    return shares


def evaluate(run: RunContext, data: Pairs, fitted: Fitted, parts: Parts) -> EvaluationReport:
    """Test questions are kept out of the index here; the baseline names the answers by how often they were right."""
    asked = parts.test[:MOST_JUDGED]
    shares = {embedder.family: share for share, embedder, _ in fitted.members}
    stored = {embedder.family: vectors for _, embedder, vectors in fitted.members}
    total = np.asarray(sum(share * (stored[name][asked] @ stored[name].T) for name, share in shares.items()))
    scores = best_of(total, data, parts.fitted)
    frequency = np.bincount(data.owner[parts.fitted], minlength=len(data.answers)).astype(float)
    guess = text_embedding.ranks(np.tile(frequency, (len(asked), 1)), data.owner[asked])
    examples = [
        {**data.data.example(row), "true": data.answers[data.owner[row]], "predicted": data.answers[int(one.argmax())]}
        | {"confidence": round(float(one.max()), 6)}
        for row, one in zip(asked[:MOST_EXAMPLES], scores, strict=False)
    ]
    places = text_embedding.ranks(scores, data.owner[asked])
    return EvaluationReport(
        metrics=evaluation.rounded(text_embedding.of_ranks(places)),
        baseline=evaluation.rounded(text_embedding.of_ranks(guess)),
        primary_metric="mrr",
        higher_is_better=True,
        rows=len(asked),
        examples=examples,
    )
