"""Texts in classes: TF-IDF of words and of characters with a linear head, and MiniLM vectors with one where the
budget allows; penalties by cross-validation, blended on out-of-fold answers, cooled, fitted again on all but test.

Everything from the raw string on happens inside the exported graph: see `workers.train.tokenise`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from contracts.manifests import EvaluationReport
from workers.export import latency
from workers.train import evaluation, metrics, text_heads, text_reading, text_vectors
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.ensemble import greedy_weights
from workers.train.failures import UserFailure
from workers.train.splits import Parts, by_share
from workers.train.text_data import TextData, load_texts
from workers.train.text_heads import Head, Layer
from workers.train.text_model import KINDS, Fitted, Member, kinds_of
from workers.train.text_reading import Features

FAMILIES = (*KINDS, "minilm", "minilm_tuned")
READING_SHARE = 0.35  # of the fitting time
SHARES = {
    "tfidf_words": 0.4,
    "tfidf_characters": 0.45,
    "minilm": 1.0,
    "minilm_tuned": 1.0,
}  # of the selection time that is left
SELECTION_SHARE = 0.8  # of the fitting time that is left after reading; the rest is for the second fit
LEAST_GAIN = 0.002  # a blend must beat the best single family by 0.2 %, else the simpler model is kept
ALL_FACTOR = 1.5  # by how much a fit on every text may be slower than the one before
LEAST_VECTORS = 200  # training texts that the language model must have read


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


def fit(run: RunContext, data: TextData, parts: Parts) -> Fitted:
    """1. read 2. each family with its penalty 3. blend 4. temperature 5. again on training and validation texts."""
    run.progress.stage("read the texts", 0.08, eta_seconds=run.budget.left_s())
    wanted = [family for family in FAMILIES if run.wants(family)]
    kinds = KINDS["tfidf_characters" if "tfidf_characters" in wanted else "tfidf_words"]
    features, read = _read(run, data, parts, kinds)
    folds = text_heads.folds_of(parts, data.truth, run.job.seed)
    selection = run.budget.slice(SELECTION_SHARE)
    draft = Fitted(data, features, None, [], [], "", 1.0)
    heads: dict[str, Head] = {}
    inputs: dict[str, Any] = {}
    for index, family in enumerate(wanted):
        run.progress.stage(f"fit {family}", 0.15 + 0.2 * index, eta_seconds=run.budget.left_s())
        time = run.budget.slice(SHARES[family], of_s=max(0.0, selection.seconds - selection.used_s()))
        if family == "minilm_tuned":
            _fit_tuned(run, draft, parts, index, time, heads, inputs)
            continue
        x, note = _inputs(run, draft, parts, family, read, time)
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
    measured = [Member(name, _again(run, data, parts.fitted, name, heads[name], inputs[name])) for name in names]
    uses = draft.vectors if any(name not in KINDS for name in names) else None
    fitted = Fitted(data, features, uses, measured, weights, run_best(run), temperature, inputs=inputs)
    everything = np.sort(np.concatenate([parts.fitted, parts.test]))
    if all(_has_time(run, name) for name in names):
        heads = {one.family: replace(heads[one.family], layer=_seen(one)) for one in measured}
        shipped = [_again(run, data, everything, name, heads[name], inputs[name], "all") for name in names]
        fitted.measured = measured
        fitted.members = [Member(name, layer) for name, layer in zip(names, shipped, strict=True)]
    return fitted


def _fit_tuned(
    run: RunContext,
    draft: Fitted,
    parts: Parts,
    index: int,
    time: Slice,
    heads: dict[str, Head],
    inputs: dict[str, Any],
) -> None:
    """Put the fine-tuned model beside the others; the file has room for one transformer, so the better one stays."""
    family = "minilm_tuned"

    def tell(step: int, loss: float) -> None:
        run.progress.point(index, step, valid_loss=loss)

    run.progress.candidate(family, state="fitting")
    splitter = draft.features.reading.splitter
    found = text_vectors.tune_all(run, family, splitter, draft.data, parts, time, tell)
    if isinstance(found, str):
        run.progress.candidate(family, state="skipped", note=found)
        return
    vectors, layer = found
    answers = np.full((len(draft.data.texts), len(draft.data.classes)), np.nan)
    answers[parts.valid] = text_heads.probabilities(vectors.x[parts.valid], layer)
    _show(run, draft, parts, family, Head(0.0, answers, layer))
    if "minilm" in heads:
        known = parts.valid[~np.isnan(heads["minilm"].out_of_fold[parts.valid, 0])]
        truth = draft.data.truth[known]
        if metrics.log_loss(truth, heads["minilm"].out_of_fold[known]) <= metrics.log_loss(truth, answers[known]):
            return
        del heads["minilm"], inputs["minilm"]
    draft.vectors, inputs[family], heads[family] = vectors, vectors.x, Head(0.0, answers, layer)


def _read(
    run: RunContext, data: TextData, parts: Parts, kinds: tuple[str, ...]
) -> tuple[Features, dict[str, sparse.csr_matrix]]:
    """Vocabularies from what may be learnt from, and [all texts, D] per kind; texts of no part stay empty."""
    rows = np.sort(np.concatenate([parts.fitted, parts.test]))
    texts, is_learnt = [data.texts[row] for row in rows], np.isin(rows, parts.fitted)
    features, weighed = text_reading.read_all(texts, is_learnt, kinds, run.progress.alive)
    for kind, x in weighed.items():
        sizes = np.zeros(len(data.texts) + 1, dtype=np.int64)
        sizes[rows + 1] = np.diff(x.indptr)
        shape = len(data.texts), x.shape[1]
        weighed[kind] = sparse.csr_matrix((x.data, x.indices, np.cumsum(sizes)), shape=shape)
    return features, weighed


def run_best(run: RunContext) -> str:
    return next(one.family for one in run.progress.candidates.values() if one.is_best)


def _inputs(
    run: RunContext, draft: Fitted, parts: Parts, family: str, read: dict[str, sparse.csr_matrix], time: Slice
) -> tuple[Any, str]:
    """[all rows, D]; rows that nobody may learn from or ask about are empty or NaN. None: no time, and why."""
    if family in KINDS:
        kinds = kinds_of(family, draft.features)
        if not kinds:
            return None, "The texts have no words in common."
        if time.is_over() and run.progress.candidates.get("tfidf_words"):
            return None, "There was no time left in the budget."
        return sparse.hstack([read[kind] for kind in kinds]).tocsr(), ""
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


def _seen(member: Member) -> Layer:
    """The layer for vectors as they are learnt from: the opposite of `_plain`."""
    weight, bias = member.layer
    return (weight / SPREAD, bias) if member.family == "minilm" else (weight, bias)


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
        facts |= latency.measured(raw, draft.data.feed(parts.valid[:1]))
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


def _has_time(run: RunContext, family: str) -> bool:
    """For the fit on every text, which takes about as long as the one before and starts from it."""
    if run.checkpoints.finished(f"{family}-all") is not None:
        return True
    before = run.checkpoints.finished(f"{family}-again")
    needed_s = ALL_FACTOR * float(before.facts.get("seconds", 0.0)) if before else 0.0
    return not run.budget.is_stopped() and needed_s < run.budget.fitting_left_s()


def _again(
    run: RunContext, data: TextData, rows: np.ndarray, family: str, head: Head, x: Any, kind: str = "again"
) -> Layer:
    """The chosen penalty on these texts; a fit cut short keeps what it has."""
    if family == "minilm_tuned":  # more texts would mean tuning again
        return head.layer
    key = f"{family}-{kind}"
    saved = run.checkpoints.finished(key)
    if saved is None:
        run.progress.stage(f"fit {family} on {len(rows):,} texts", 0.78, eta_seconds=run.budget.left_s())
        if family == "minilm":
            rows, x = rows[~np.isnan(x[rows, 0])], _spread(x)
        time = run.budget.slice(0.9)
        layer = (
            head.layer
            if time.seconds <= 0
            else text_heads.fit_layer(x[rows], data.truth[rows], len(data.classes), head.penalty, time, head.layer)
        )
        saved = Saved({"seconds": round(time.used_s(), 3)}, {"weight": layer[0], "bias": layer[1]})
        run.checkpoints.finish(key, saved)
    return _plain(family, (saved.arrays["weight"], saved.arrays["bias"]))


def evaluate(run: RunContext, data: TextData, fitted: Fitted, parts: Parts) -> EvaluationReport:
    return evaluation.of_labels(data, fitted, parts, run.job.seed)
