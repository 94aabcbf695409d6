"""Tables, classification and regression: a linear model, gradient boosting and a network, compared and blended.

Reads top to bottom: load → fit each family on the training rows → compare on validation → blend → calibrate →
fit the kept families again on everything but the test rows. The result answers `predict` (the reference that the
exported graph is compared with) and knows how to become that graph.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contracts.manifests import ColumnSpec, EvaluationReport
from workers.export import latency, parity
from workers.train import boosting, evaluation, features, linear, metrics, networks
from workers.train.budget import Slice
from workers.train.context import RunContext
from workers.train.failures import UserFailure
from workers.train.readers import Table, read_table
from workers.train.splits import Parts, by_share
from workers.train.tabular_model import Data, Fitted, Member, temper

FAMILIES = ("linear", "gradient_boosting", "mlp")  # quick ones first: something is in hand early
SHARES = {"linear": 0.15, "gradient_boosting": 0.5, "mlp": 1.0}  # of the fitting time that is left when its turn comes
SELECTION_SHARE = 0.55  # of the fitting time; the rest is for fitting the kept families again on more rows
REFIT_GROWTH = 1.1  # rounds for the second fit: a little more data carries a little more training
BLEND_ROUNDS = 25  # greedy steps of the blend
BLEND_LEAST_GAIN = 0.002  # a blend must beat the best single family by 0.2 %, else the simpler model is kept
TEMPERATURES = np.linspace(0.7, 1.8, 45)
MOST_CLASSES = 1_000


def load(run: RunContext, path: Path) -> Data:
    specs = [ColumnSpec(**_known(column)) for column in run.job.columns]
    is_classifier = run.job.task == "tabular_classification"
    inputs = [spec for spec in specs if spec.name != run.job.target]
    target = ColumnSpec(name=run.job.target, type="category" if is_classifier else "number")
    table = read_table(path, [*inputs, target])
    values = table.columns[target.name]
    labelled = np.flatnonzero(values != "" if is_classifier else np.isfinite(values.astype(np.float64)))
    if len(labelled) < table.rows:
        run.progress.log(f"{table.rows - len(labelled)} rows have no label and are left out.")
    table = table.take(labelled)
    truth, classes = (
        _labels(table.columns[target.name], run.job.target)
        if is_classifier
        else (table.columns[target.name].astype(np.float64), [])
    )
    used, notes = features.usable(table, inputs)
    for name, note in notes.items():
        run.progress.log(f"Column {name!r} is left out: {note}.")
    if not used:
        raise UserFailure("yours:target-type", "No column of the dataset can be used to predict the target.")
    return Data(table, labelled, inputs, used, truth, classes)


def _known(column: dict[str, Any]) -> dict[str, Any]:
    names = {one.name for one in dataclasses.fields(ColumnSpec)}
    return {name: value for name, value in column.items() if name in names}


def _labels(values: np.ndarray, target: str) -> tuple[np.ndarray, list[str]]:
    if len(values) == 0:
        raise UserFailure("yours:labels-missing", f"The column {target!r} holds no labels.")
    classes, truth, counts = np.unique(values.astype(str), return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise UserFailure("yours:one-class", f"Every row of {target!r} says {classes[0]!r}.")
    if len(classes) > MOST_CLASSES:
        raise UserFailure(
            "yours:target-type", f"{target!r} has {len(classes):,} different values; is it a number or an id?"
        )
    if counts.min() < 3:
        raise UserFailure(
            "yours:class-too-small",
            f"The class {classes[counts.argmin()]!r} has {counts.min()} rows; at least 3 are needed.",
        )
    return truth.astype(np.int64), [str(one) for one in classes]


@dataclass(frozen=True)
class Rows:
    """One set of rows as every family wants it; y is the class index or the standardised value."""

    dense: np.ndarray
    trees: np.ndarray
    y: np.ndarray


def fit(run: RunContext, data: Data, parts: Parts) -> Fitted:
    """1. features and scale from training rows 2. families 3. blend 4. temperature 5. again on more rows."""
    train, valid = data.table.take(parts.train), data.table.take(parts.valid)
    chosen = features.fit_features(train, data.used)
    mean, scale = (
        (0.0, 1.0)
        if data.classes
        else (float(data.truth[parts.train].mean()), float(data.truth[parts.train].std()) or 1.0)
    )
    y = data.truth if data.classes else (data.truth - mean) / scale
    fit_rows, valid_rows = (
        Rows(features.dense(chosen, t), features.for_trees(chosen, t), y[p])
        for t, p in ((train, parts.train), (valid, parts.valid))
    )
    selection_s = SELECTION_SHARE * run.budget.fitting_left_s()
    draft = Fitted(data, chosen, [], [], "", 1.0, mean, scale)
    members, answers = [], []
    times_s: dict[str, float] = {}
    for index, family in enumerate(FAMILIES):
        member, took_s = _candidate(
            run, draft, family, index, fit_rows, valid_rows, selection_s - sum(times_s.values()), valid
        )
        if member is None:
            continue
        members.append(member)
        times_s[family] = took_s
        answers.append(member.predict(valid_rows.dense, valid_rows.trees, len(data.classes)))
    if not members:
        raise UserFailure("yours:budget-spent", "No model family was ready when the budget ended.")
    weights = _blend(run, draft, members, answers, valid_rows.y)
    draft.family = next(r.family for r in run.progress.candidates.values() if r.is_best)
    draft.members = [m for m, w in zip(members, weights, strict=True) if w > 0]
    draft.weights = [float(w) for w in weights if w > 0]
    if data.classes:
        draft.temperature = _temperature(np.tensordot(weights, np.stack(answers), axes=1), valid_rows.y)
    return _fit_again(run, draft, parts, y, times_s)


def _candidate(
    run: RunContext,
    draft: Fitted,
    family: str,
    index: int,
    fit_rows: Rows,
    valid_rows: Rows,
    left_s: float,
    valid: Table,
) -> tuple[Member | None, float]:
    """Fit one family on the training rows, or take it from the checkpoint, and put it on the board."""
    if not run.wants(family):
        return None, 0.0
    run.progress.stage(f"fit {family}", 0.1 + 0.2 * index, eta_seconds=run.budget.left_s())
    time = run.budget.slice(SHARES[family], of_s=max(0.0, left_s))
    saved = run.checkpoints.finished(family)
    if saved is None and time.is_over():
        run.progress.candidate(family, state="skipped", note="There was no time left in the budget.")
        return None, 0.0
    run.progress.candidate(family, state="fitting")
    if saved is None:
        member = FIT[family](run, family, fit_rows, valid_rows, len(draft.data.classes), time, index)
        saved = member.as_saved()
        saved.facts["fit_seconds"] = round(time.used_s(), 3)
        run.checkpoints.finish(family, saved)
    member = Member.from_saved(family, saved)
    alone = dataclasses.replace(draft, members=[member], weights=[1.0])
    raw = alone.to_onnx().SerializeToString()
    run.progress.candidate(
        family,
        state="done",
        fit_seconds=saved.facts["fit_seconds"],
        size_bytes=len(raw),
        metrics=_scores(
            draft, member.predict(valid_rows.dense, valid_rows.trees, len(draft.data.classes)), valid_rows.y
        ),
        latency_ms=latency.one_row_ms(parity.open_session(raw), alone.feed(valid)),
    )
    return member, saved.facts["fit_seconds"]


def _scores(draft: Fitted, answer: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Metrics on validation rows, regression in the units of the target."""
    if draft.data.classes:
        return metrics.classification(y, answer)
    return metrics.regression(draft.mean + draft.scale * y, draft.mean + draft.scale * answer[:, 0])


def _fit_linear(
    run: RunContext,
    key: str,
    rows: Rows,
    valid: Rows | None,
    classes: int,
    time: Slice,
    index: int,
    setting: float = 0.0,
) -> Member:
    """Every penalty (or only `setting`), the best on validation kept."""
    best, best_loss, start = None, float("inf"), None
    penalties = (setting,) if setting else (linear.SOFTMAX_PENALTIES if classes else linear.RIDGE_PENALTIES)
    ridge = [] if classes else linear.fit_ridge(rows.dense, rows.y, penalties)
    for step, penalty in enumerate(penalties):
        start = linear.fit_softmax(rows.dense, rows.y, classes, penalty, time, start) if classes else ridge[step]
        member = Member("linear", [(start[0][None], start[1][None, None])], setting=penalty)  # [1, D, C], [1, 1, C]
        loss = _loss(member.predict(valid.dense, valid.trees, classes), valid.y, classes) if valid else 0.0
        if best is None or loss < best_loss:
            best, best_loss = member, loss
        if valid:
            run.progress.point(index, step, valid_loss=loss)
        if time.is_over():
            break
    assert best is not None
    return best


def _fit_boosting(
    run: RunContext,
    key: str,
    rows: Rows,
    valid: Rows | None,
    classes: int,
    time: Slice,
    index: int,
    setting: float = 0.0,
) -> Member:
    rounds = int(setting) or boosting.MOST_ROUNDS
    boosted = boosting.fit_boosting(
        run, key, (rows.trees, rows.y), (valid.trees, valid.y) if valid else None, classes, time, rounds, index
    )
    return Member("gradient_boosting", boosted=boosted, setting=max(1, boosted.rounds))


def _fit_network(
    run: RunContext,
    key: str,
    rows: Rows,
    valid: Rows | None,
    classes: int,
    time: Slice,
    index: int,
    setting: float = 0.0,
) -> Member:
    rounds = int(setting) or networks.MOST_ROUNDS
    network = networks.fit_network(
        run, key, (rows.dense, rows.y), (valid.dense, valid.y) if valid else None, classes, time, rounds, index
    )
    return Member("mlp", dense=network.layers, setting=max(1, network.rounds))


FIT = {"linear": _fit_linear, "gradient_boosting": _fit_boosting, "mlp": _fit_network}


def _loss(answer: np.ndarray, y: np.ndarray, classes: int) -> float:
    return metrics.log_loss(y, answer) if classes else float(np.sqrt(((answer[:, 0] - y) ** 2).mean()))


def _blend(
    run: RunContext, draft: Fitted, members: list[Member], answers: list[np.ndarray], y: np.ndarray
) -> np.ndarray:
    """Greedy weights (Caruana): add the member that helps most, again and again; the best single one unless beaten."""
    classes = len(draft.data.classes)
    losses = [_loss(answer, y, classes) for answer in answers]
    alone = np.eye(len(members))[int(np.argmin(losses))]
    counts, total = np.zeros(len(members)), np.zeros_like(answers[0])
    for step in range(BLEND_ROUNDS):
        options = [_loss((total + answer) / (step + 1), y, classes) for answer in answers]
        chosen = int(np.argmin(options))
        counts[chosen] += 1
        total = total + answers[chosen]
    weights = counts / counts.sum()
    blended_loss = _loss(total / BLEND_ROUNDS, y, classes)
    if (weights > 0).sum() > 1:
        run.progress.candidate(
            "ensemble",
            state="done",
            metrics=_scores(draft, total / BLEND_ROUNDS, y),
            fit_seconds=0.0,
            note=", ".join(f"{m.family} {w:.0%}" for m, w in zip(members, weights, strict=True) if w),
        )
        if blended_loss < min(losses) * (1 - BLEND_LEAST_GAIN):
            run.progress.candidate("ensemble", is_best=True)
            return weights
    run.progress.candidate(members[int(np.argmin(losses))].family, is_best=True)
    return alone


def _temperature(answer: np.ndarray, y: np.ndarray) -> float:
    losses = [metrics.log_loss(y, temper(answer, float(one))) for one in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _fit_again(run: RunContext, draft: Fitted, parts: Parts, y: np.ndarray, times_s: dict[str, float]) -> Fitted:
    """The kept families once more on training + validation rows; left as they are when the time would not suffice."""
    table = draft.data.table.take(parts.fitted)
    final = dataclasses.replace(draft, features=features.fit_features(table, draft.data.used), members=[])
    needed_s = (
        sum(times_s[member.family] for member in draft.members) * REFIT_GROWTH * len(parts.fitted) / len(parts.train)
    )
    is_ready = all(run.checkpoints.finished(f"{member.family}-again") for member in draft.members)
    if not is_ready and (run.budget.is_stopped() or needed_s > run.budget.fitting_left_s()):
        run.progress.log("No time to fit again on training and validation rows together; the first fit is kept.")
        return draft
    rows = Rows(features.dense(final.features, table), features.for_trees(final.features, table), y[parts.fitted])
    for member in draft.members:
        key = f"{member.family}-again"
        run.progress.stage(f"fit {member.family} on all training rows", 0.75, eta_seconds=run.budget.left_s())
        saved = run.checkpoints.finished(key)
        if saved is None:
            setting = member.setting if member.family == "linear" else float(round(member.setting * REFIT_GROWTH))
            again = FIT[member.family](run, key, rows, None, len(draft.data.classes), run.budget.slice(1.0), 0, setting)
            if member.family != "linear" and again.setting < setting and run.budget.fitting_left_s() <= 0:
                run.progress.log("The budget ended during the last fit; the first fit is kept.")
                return draft
            saved = again.as_saved()
            run.checkpoints.finish(key, saved)
        final.members.append(Member.from_saved(member.family, saved))
    return final


def split(run: RunContext, data: Data) -> Parts:
    return by_share(data.groups, run.job.splits, run.job.seed)


def evaluate(run: RunContext, data: Data, fitted: Fitted, parts: Parts) -> EvaluationReport:
    return evaluation.of_labels(data, fitted, parts, run.job.seed)
