"""Texts in classes: TF-IDF of words and of characters with a linear head, and MiniLM vectors with one where the
budget allows; penalties by cross-validation, blended on out-of-fold answers, cooled, fitted again on all but test.

Everything from the raw string on happens inside the exported graph: see `workers.train.tokenise`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from contracts.manifests import EvaluationReport, OutputMeaning, TensorSpec
from workers.export import latency, package, parity, text_onnx
from workers.train import evaluation, metrics, text_heads, text_reading, text_vectors
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.ensemble import greedy_weights, temper
from workers.train.failures import UserFailure
from workers.train.splits import Parts, by_share
from workers.train.text_data import TextData, load_texts
from workers.train.text_heads import Head, Layer
from workers.train.text_reading import Features
from workers.train.text_vectors import Vectors

KINDS: dict[str, tuple[str, ...]] = {"tfidf_words": ("words",), "tfidf_characters": ("words", "characters")}
FAMILIES = (*KINDS, "minilm")
READING_SHARE = 0.35  # of the fitting time
SHARES = {"tfidf_words": 0.4, "tfidf_characters": 0.45, "minilm": 1.0}  # of the selection time that is left
SELECTION_SHARE = 0.8  # of the fitting time that is left after reading; the rest is for the second fit
LEAST_GAIN = 0.002  # a blend must beat the best single family by 0.2 %, else the simpler model is kept
LEAST_VECTORS = 200  # training texts that the language model must have read
PARITY_ROWS = {False: 1_000, True: 24}  # by whether the transformer, some 20 ms a text, is in the model
HARD_TEXTS = (
    "İSTANBUL çok güzel",
    "cafe\u0301 CAFÉ 👍🏽",
    "",
    " \t ",
    "東京はとても大きい。",
    "a\u200bb!!!!",
    "x" * 300,
)


def load(run: RunContext, path: Path) -> TextData:
    return load_texts(run, path, with_classes=True)


def split(run: RunContext, data: TextData) -> Parts:
    """As everywhere; when there are more texts than can be read in time, a part of them is drawn first."""
    parts = by_share(data.truth, run.job.splits, run.job.seed)
    most = text_reading.affordable(data.texts, READING_SHARE * run.budget.fitting_left_s())
    if most >= len(data.texts):
        return parts
    run.progress.log(f"The budget lets {most:,} of {len(data.texts):,} texts be read; they are drawn evenly.")
    every = len(data.texts) / max(most, 60)
    three = (parts.train, parts.valid, parts.test)
    return Parts(*(part[np.unique(np.arange(0, len(part), every).astype(int))] for part in three))


@dataclass
class Member:
    """One family and its head."""

    family: str
    layer: Layer


@dataclass
class Fitted:
    data: TextData
    features: Features
    vectors: Vectors | None
    members: list[Member]
    weights: list[float]
    family: str
    temperature: float

    reference_name = f"torch {torch.__version__}, numpy {np.__version__}"
    tolerance = None

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities [N, C]; vectors that are known are not made again."""
        known = None
        if self.vectors is not None and not np.isnan(self.vectors.x[rows, 0]).any():
            known = self.vectors.x[rows]
        return self.answer([self.data.texts[row] for row in rows], known)

    def answer(self, texts: list[str], known: np.ndarray | None = None) -> np.ndarray:
        blended = np.zeros((len(texts), len(self.data.classes)))
        for weight, member in zip(self.weights, self.members, strict=True):
            x: Any
            if member.family in KINDS:
                x = self.features.weigh(texts, self._kinds(member))
            else:
                assert self.vectors is not None
                x = known if known is not None else self.vectors.of(self.features.reading.splitter, texts)
            blended += weight * text_heads.probabilities(x, member.layer)
        return temper(blended, self.temperature)

    def _kinds(self, member: Member) -> tuple[str, ...]:
        return kinds_of(member.family, self.features)

    def to_onnx(self) -> onnx.ModelProto:
        uses = self.vectors.transformer if self.vectors is not None else None
        graphs = text_onnx.TextGraphs(self.features.reading, self.data.tensors, uses)
        parts: list[tuple[float, text_onnx.Counted | text_onnx.Embedded]] = []
        for weight, member in zip(self.weights, self.members, strict=True):
            if member.family in KINDS:
                blocks = text_reading.split_weight(self.features, self._kinds(member), member.layer[0])
                parts.append((weight, text_onnx.Counted(blocks, member.layer[1])))
            else:
                parts.append((weight, text_onnx.Embedded(*member.layer)))
        return text_onnx.classifier(graphs, parts, self.data.classes, self.temperature)

    def parity_groups(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        """The texts themselves, then some that are hard to split."""
        rows = rows[: PARITY_ROWS[any(one.family not in KINDS for one in self.members)]]
        first = next(iter(self.data.tensors.values()))
        hard = {one: np.full((len(HARD_TEXTS), 1), "", dtype=object) for one in self.data.tensors.values()}
        hard[first][:, 0] = HARD_TEXTS
        tail = "\n" * (len(hard) - 1)
        return [
            (self.data.feed(rows), self.answer([self.data.texts[row] for row in rows])),
            (hard, self.answer([text + tail for text in HARD_TEXTS])),
        ]

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        return []  # there is one column; which words count differs from text to text

    def example(self, row: int) -> dict[str, Any]:
        return self.data.example(row)

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        return package.label_outputs(self.data.classes)

    def describe(self) -> dict[str, Any]:
        return self.data.describe()


def kinds_of(family: str, features: Features) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS[family] if kind in features.vocabularies)


def fit(run: RunContext, data: TextData, parts: Parts) -> Fitted:
    """1. read 2. each family with its penalty 3. blend 4. temperature 5. again on training and validation texts."""
    run.progress.stage("read the texts", 0.08, eta_seconds=run.budget.left_s())
    wanted = [family for family in FAMILIES if run.wants(family)]
    kinds = KINDS["tfidf_characters" if "tfidf_characters" in wanted else "tfidf_words"]
    features = text_reading.read([data.texts[row] for row in parts.fitted], kinds, run.progress.alive)
    folds = text_heads.folds_of(parts, data.truth, run.job.seed)
    selection = run.budget.slice(SELECTION_SHARE)
    draft = Fitted(data, features, None, [], [], "", 1.0)
    heads: dict[str, Head] = {}
    inputs: dict[str, Any] = {}
    for index, family in enumerate(wanted):
        run.progress.stage(f"fit {family}", 0.15 + 0.2 * index, eta_seconds=run.budget.left_s())
        time = run.budget.slice(SHARES[family], of_s=max(0.0, selection.seconds - selection.used_s()))
        x, note = _inputs(run, draft, parts, family, time)
        if x is None:
            run.progress.candidate(family, state="skipped", note=note)
            continue
        head = _head(run, data, parts, folds, family, index, x, time)
        if head.is_rough and heads:  # worse than nothing beside a finished one
            run.progress.candidate(family, state="skipped", note="There was no time left in the budget.")
            continue
        inputs[family], heads[family] = x, head
        _show(run, draft, parts, family, head)
    if not heads:
        raise UserFailure("yours:budget-spent", "No model family was ready when the budget ended.")
    names, weights, temperature = _blend(run, data, parts, heads)
    members = [Member(name, _again(run, data, parts, name, heads[name], inputs[name])) for name in names]
    return Fitted(
        data, features, draft.vectors if "minilm" in names else None, members, weights, run_best(run), temperature
    )


def run_best(run: RunContext) -> str:
    return next(one.family for one in run.progress.candidates.values() if one.is_best)


def _inputs(run: RunContext, draft: Fitted, parts: Parts, family: str, time: Slice) -> tuple[Any, str]:
    """[all rows, D]; rows that nobody may learn from or ask about are empty or NaN. None: no time, and why."""
    if family in KINDS:
        kinds = kinds_of(family, draft.features)
        if not kinds:
            return None, "The texts have no words in common."
        if time.is_over() and run.progress.candidates.get("tfidf_words"):
            return None, "There was no time left in the budget."
        return draft.features.weigh(draft.data.texts, kinds), ""
    order = np.concatenate([parts.test, parts.valid, parts.train])
    least = len(parts.test) + len(parts.valid) + min(LEAST_VECTORS, len(parts.train))
    learnt = [draft.data.texts[row] for row in parts.fitted]
    splitter = draft.features.reading.splitter
    found = text_vectors.embed_all(run, splitter, draft.data.texts, order, least, learnt, time)
    if isinstance(found, str):
        return None, found
    draft.vectors = found
    return found.x, ""


def _head(
    run: RunContext,
    data: TextData,
    parts: Parts,
    folds: list[tuple[np.ndarray, np.ndarray]],
    family: str,
    index: int,
    x: Any,
    time: Slice,
) -> Head:
    run.progress.candidate(family, state="fitting")
    saved = run.checkpoints.finished(family)
    if saved is None:
        if family == "minilm":
            known = ~np.isnan(x[:, 0])
            folds = [(train[known[train]], valid[known[valid]]) for train, valid in folds]
            x = _spread(x)

        def tell(step: int, loss: float) -> None:
            run.progress.point(index, step, valid_loss=loss)

        head = text_heads.choose(x, data.truth, len(data.classes), folds, time, tell)
        facts = {"penalty": head.penalty, "is_rough": head.is_rough, "fit_seconds": round(time.used_s(), 3)}
        arrays = {"oof": head.out_of_fold, "weight": head.layer[0], "bias": head.layer[1]}
        saved = Saved(facts, arrays)
        run.checkpoints.finish(family, saved)
    layer = saved.arrays["weight"], saved.arrays["bias"]
    return Head(saved.facts["penalty"], saved.arrays["oof"], layer, saved.facts["is_rough"])


SPREAD = np.float32(20.0)  # vectors of length one in 384 dimensions, to entries of about one


def _spread(x: np.ndarray) -> np.ndarray:
    return x * SPREAD


def _plain(family: str, layer: Layer) -> Layer:
    """The layer for vectors as they are."""
    return (layer[0] * SPREAD, layer[1]) if family == "minilm" else layer


def _show(run: RunContext, draft: Fitted, parts: Parts, family: str, head: Head) -> None:
    """The board: quality on validation, and for the quick families size and latency of their own export."""
    saved = run.checkpoints.finished(family)
    assert saved is not None
    scores = metrics.classification(draft.data.truth[parts.valid], head.out_of_fold[parts.valid])
    facts: dict[str, Any] = {"metrics": scores, "fit_seconds": saved.facts["fit_seconds"]}
    if family in KINDS:
        alone = Fitted(draft.data, draft.features, None, [Member(family, head.layer)], [1.0], family, 1.0)
        raw = alone.to_onnx().SerializeToString()
        facts["size_bytes"] = len(raw)
        facts["latency_ms"] = latency.one_row_ms(parity.open_session(raw), draft.data.feed(parts.valid[:1]))
    run.progress.candidate(family, state="done", **facts)


def _blend(
    run: RunContext, data: TextData, parts: Parts, heads: dict[str, Head]
) -> tuple[list[str], list[float], float]:
    """Families, weights and temperature, chosen on the rows that every family has answered out of fold."""
    names = list(heads)
    shared = parts.fitted[~np.isnan(np.stack([heads[name].out_of_fold[parts.fitted, 0] for name in names])).any(axis=0)]
    answers = [heads[name].out_of_fold[shared] for name in names]
    truth = data.truth[shared]
    alone = [metrics.log_loss(truth, answer) for answer in answers]
    best = int(np.argmin(alone))
    weights = greedy_weights(answers, truth, len(data.classes))
    blended = np.tensordot(weights, np.stack(answers), axes=1)
    if metrics.log_loss(truth, blended) > alone[best] * (1 - LEAST_GAIN):
        weights, blended = np.eye(len(names))[best], answers[best]
    kept = [place for place, weight in enumerate(weights) if weight > 0]
    if len(kept) > 1:
        scores = metrics.classification(truth, blended)
        run.progress.candidate("ensemble", state="done", metrics=scores, is_best=True)
        run.progress.log("Blend: " + ", ".join(f"{names[place]} {weights[place]:.2f}" for place in kept) + ".")
    else:
        run.progress.candidate(names[kept[0]], is_best=True)
    return (
        [names[place] for place in kept],
        [float(weights[place]) for place in kept],
        text_heads.best_temperature(blended, truth),
    )


def _again(run: RunContext, data: TextData, parts: Parts, family: str, head: Head, x: Any) -> Layer:
    """The chosen penalty on training and validation texts; a fit cut short keeps what it has."""
    key = f"{family}-again"
    saved = run.checkpoints.finished(key)
    if saved is None:
        run.progress.stage(f"fit {family} on all training texts", 0.78, eta_seconds=run.budget.left_s())
        rows = parts.fitted
        if family == "minilm":
            rows, x = rows[~np.isnan(x[rows, 0])], _spread(x)
        time = run.budget.slice(0.9)
        layer = (
            head.layer
            if time.seconds <= 0
            else text_heads.fit_layer(x[rows], data.truth[rows], len(data.classes), head.penalty, time, head.layer)
        )
        saved = Saved({}, {"weight": layer[0], "bias": layer[1]})
        run.checkpoints.finish(key, saved)
    return _plain(family, (saved.arrays["weight"], saved.arrays["bias"]))


def evaluate(run: RunContext, data: TextData, fitted: Fitted, parts: Parts) -> EvaluationReport:
    return evaluation.of_labels(data, fitted, parts, run.job.seed)
