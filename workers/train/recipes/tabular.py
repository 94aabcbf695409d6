"""Tables, classification and regression: many families, each fitted on several folds, blended into one graph.

Reads top to bottom: load → split → derive columns → fit each family fold by fold inside its share of the time →
weigh them by their out-of-fold answers → temperature and threshold on the same → ask the fits that never saw the test
rows about them. The result answers `answer` (the reference that the graph is compared with) and becomes that graph.

The same seed gives bitwise the same model on one machine type as long as time does not decide: every fit ends by its
own patience before its slice, and the measured speed leaves the learning rate and the number of network fits as usual.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from contracts.manifests import ColumnSpec, EvaluationReport
from workers.export import latency
from workers.train import boosting, derived, ensemble, evaluation, features, metrics, search
from workers.train.candidates import Learner, Member, Scale, scale_of
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.failures import UserFailure
from workers.train.families import FAMILIES, Rows, loss_of
from workers.train.folds import fold_ids, folds_of
from workers.train.planning import Plan
from workers.train.readers import Table, read_sample, rows_in
from workers.train.splits import Parts, by_group, by_order, by_share
from workers.train.tabular_model import Data, Fitted

MOST_CLASSES = 1_000
CLASS_LEAST_ROWS = 2
FEATURE_CELLS_MOST = 150_000_000  # of the dense features: 600 MB, twice while a fold is fitted
WORDS_USUAL = 20  # flags of a text column
ROWS_PER_S = 5_000  # rows per second of the budget; more rows than that would only be read, not learned from
GROUPS_LEAST = 5  # one for the test rows and one per slice
END_FACTOR, END_LEAST_S = 1.5, 2.0  # export, parity and packaging, by the measured time of the families' own graphs
SKEW_FOR_LOG = 1.0  # targets more lopsided than this are also learned in logarithm


def load(run: RunContext, path: Path) -> Data:
    specs = [ColumnSpec(**_known(column)) for column in run.job.columns]
    is_classifier = run.job.task == "tabular_classification"
    inputs = [spec for spec in specs if spec.name != run.job.target]
    target = ColumnSpec(name=run.job.target, type="category" if is_classifier else "number")
    table, numbers = read_sample(path, [*inputs, target], rows_for(inputs, run.budget.total_s), run.job.seed)
    if (all_rows := rows_in(path)) > table.rows:
        run.progress.log(f"The table has {all_rows:,} rows; a random sample of {table.rows:,} is learned from.")
    values = table.columns[target.name]
    labelled = np.flatnonzero(values != "" if is_classifier else np.isfinite(values.astype(np.float64)))
    if len(labelled) < table.rows:
        run.progress.log(f"{table.rows - len(labelled)} rows have no label and are left out.")
    division = _split_column(run, table, inputs, labelled)
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
    return Data(table, numbers[labelled], inputs, used, truth, classes, **division)


def rows_for(inputs: list[ColumnSpec], budget_s: float) -> int:
    """How many rows fit into memory as features and can be learned from in the time."""
    numbers = sum(spec.type in ("number", "datetime") for spec in inputs)
    width = numbers + min(features.KNOTS_MOST * numbers, features.KNOTS_TOTAL) + WORDS_USUAL * (len(inputs) - numbers)
    return min(FEATURE_CELLS_MOST // max(1, width), int(ROWS_PER_S * max(10.0, budget_s)))


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
    if counts.min() < CLASS_LEAST_ROWS:
        raise UserFailure(
            "yours:class-too-small",
            f"The class {classes[counts.argmin()]!r} has {counts.min()} row; at least {CLASS_LEAST_ROWS} are needed.",
        )
    return truth.astype(np.int64), [str(one) for one in classes]


def split(run: RunContext, data: Data) -> Parts:
    """By time: the last rows; by group: whole groups; else by share."""
    wishes = _split_wishes(run)
    if data.order is not None:
        return by_order(data.order, wishes)
    if data.groups is not None:
        return by_group(data.groups, wishes, run.job.seed)
    return by_share(data.strata, wishes, run.job.seed)


def _split_wishes(run: RunContext) -> dict[str, Any]:
    """The run's own wish goes before that of the dataset version."""
    return {**run.job.splits, **run.job.options.get("splits", {})}


def _split_column(
    run: RunContext, table: Table, specs: list[ColumnSpec], labelled: np.ndarray
) -> dict[str, np.ndarray]:
    """What a split by time or by group goes by, as fields of Data. Raises UserFailure for an unusable column."""
    wishes = _split_wishes(run)
    kind, name = wishes.get("kind"), wishes.get("column", "")
    if kind not in ("time", "group") or not name:
        return {}
    spec = next((one for one in specs if one.name == name), None)
    if spec is None or (kind == "time" and spec.type not in ("datetime", "number")):
        known = "date or number" if kind == "time" else "input"
        raise UserFailure("yours:invalid", f"A split by {kind} needs a {known} column; {name!r} is none.")
    values = table.columns[name][labelled]
    if kind == "time":
        return {"order": np.where(np.isnan(values), -np.inf, values)}  # rows without a time count as the oldest
    groups = np.unique(values.astype(str), return_inverse=True)[1]
    if groups.max() < GROUPS_LEAST - 1:
        raise UserFailure("yours:invalid", f"A split by group needs {GROUPS_LEAST} different values in {name!r}.")
    return {"groups": groups}


def fit(run: RunContext, data: Data, parts: Parts) -> Fitted:
    """1. columns 2. families 3. weights, temperature, threshold 4. the test rows asked of fits without them."""
    classes = len(data.classes)
    kind = "time" if data.order is not None else "group" if data.groups is not None else "random"
    folds = folds_of(parts, data.strata, kind, run.job.seed, data.groups)
    ids = None if kind == "time" else fold_ids(folds, data.table.rows)
    table, words, dates = derived.fit_derived(data.table, data.used, data.truth, classes, ids)
    chosen = features.fit_features(table, data.used, words, dates)
    numbers = len(chosen.numbers.names)
    steps = (numbers, numbers + len(chosen.numbers.knot_column))
    rows = Rows(features.dense(chosen, table), features.for_trees(chosen, table), data.truth, steps)
    learner = Learner(run, rows, folds, classes)
    draft = Fitted(data, chosen, ships=[fold.name for fold in folds if fold.ships], unseen_rows=parts.test)
    members = _fit_members(learner, draft)
    if not members:
        raise UserFailure("yours:budget-spent", "No model family was ready when the budget ended.")
    _blend(learner, draft, [*members, _baseline(learner)])
    draft.unseen = draft.together(
        [m.answer(["test"], learner.part(parts.test, m.scale), classes) for m in draft.members]
    )
    return draft


def _fit_members(learner: Learner, draft: Fitted) -> list[Member]:
    """Every wanted family in turn; regression families also on the logarithm of a lopsided target."""
    run, target = learner.run, learner.rows.y
    wanted = [family for family in FAMILIES if run.wants(family)]
    plan = Plan(run, wanted)
    scales = [("", Scale() if learner.classes else scale_of(target, is_log=False))]
    if not learner.classes and _is_lopsided(target):
        scales.append((" in log", scale_of(target, is_log=True)))
    members: list[Member] = []
    end_s = 0.0
    for index, family in enumerate(wanted):
        run.progress.stage(f"fit {family}", 0.1 + 0.75 * index / len(wanted), eta_seconds=run.budget.left_s())
        time = plan.slice_of(family)
        run.progress.candidate(family, state="fitting")
        found: list[Member] = []
        options = _network_scale(learner, members, scales) if family == "mlp" else scales
        variants = [(family, *one) for one in options]
        if family == "linear":
            variants += [("linear_plain", *one) for one in options]
        for place, (variant, suffix, scale) in enumerate(variants):
            mine = run.budget.slice(1.0, of_s=max(0.0, time.seconds - time.used_s()) / (len(variants) - place))
            member = learner.fit_member(variant + suffix, variant, scale, mine, index)
            if member is not None and (not member.is_cut or not members + found):  # rather a cut one than none
                found.append(member)
        if found:
            end_s += _show(learner, draft, family, found)
            run.budget.needs_at_end(END_FACTOR * end_s + END_LEAST_S)
        else:
            run.progress.candidate(family, state="skipped", note="There was no time left in the budget.")
        members.extend(found)
        run.checkpoints.flush()
    if run.job.options.get("search") and members and run.wants("gradient_boosting"):
        members.extend(_searched(learner, draft, members, scales, end_s))
    return members


def _searched(
    learner: Learner, draft: Fitted, members: list[Member], scales: list[tuple[str, Scale]], end_s: float
) -> list[Member]:
    """Boosting with settings that were looked for in the time left; none where that gained nothing."""
    run = learner.run
    run.progress.stage(f"fit {search.FAMILY}", 0.86, eta_seconds=run.budget.left_s())
    run.progress.candidate(search.FAMILY, state="fitting")
    ((suffix, scale),) = _network_scale(learner, members, scales)
    outcome = search.search(learner, scale)
    if outcome.style is None:
        run.progress.candidate(search.FAMILY, state="skipped", note=outcome.note)
        return []
    learner.styles[search.FAMILY] = outcome.style
    member = learner.fit_member(search.FAMILY + suffix, search.FAMILY, scale, run.budget.slice(1.0), boosting.UNSEEN)
    run.checkpoints.flush()
    if member is None or member.is_cut:
        run.progress.candidate(search.FAMILY, state="skipped", note="There was no time left to fit every fold.")
        return []
    end_s += _show(learner, draft, search.FAMILY, [member])
    run.budget.needs_at_end(END_FACTOR * end_s + END_LEAST_S)
    run.progress.candidate(search.FAMILY, note=outcome.note)
    return [member]


def _is_lopsided(target: np.ndarray) -> bool:
    spread = float(target.std())
    skew = float((((target - target.mean()) / spread) ** 3).mean()) if spread else 0.0
    return bool(target.min() >= 0) and skew > SKEW_FOR_LOG


def _network_scale(learner: Learner, members: list[Member], scales: list[tuple[str, Scale]]) -> list[tuple[str, Scale]]:
    """Networks are slow: only the scale on which the families before them did best."""
    if len(scales) == 1 or not members:
        return scales[:1]
    best = min(members, key=lambda member: _loss_alone(learner, member))
    return [pair for pair in scales if (pair[1].log_most is None) == (best.scale.log_most is None)]


def _loss_alone(learner: Learner, member: Member) -> float:
    rows, answer = learner.out_of_fold(member)
    return loss_of(answer, learner.rows.y[rows], learner.classes)


def _show(learner: Learner, draft: Fitted, family: str, found: list[Member]) -> float:
    """Put the family on the board as it would be alone: quality out of fold, size and time of its own graph.

    Return the seconds that took: the final graph will take about the sum over the families.
    """
    time = learner.run.budget.slice(1.0)
    best = min(found, key=lambda member: _loss_alone(learner, member))
    rows, answer = learner.out_of_fold(best)
    alone = dataclasses.replace(draft, members=[best], weights=[1.0])
    raw = alone.to_onnx().SerializeToString()
    learner.run.progress.candidate(
        family,
        state="done",
        fit_seconds=round(sum(member.seconds for member in found), 3),
        size_bytes=len(raw),
        metrics=_scores(learner, answer, rows),
        **latency.measured(raw, alone.feed(draft.data.table.take(np.arange(1)))),
    )
    return time.used_s()


def _scores(learner: Learner, answer: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    truth = learner.rows.y[rows]
    return metrics.classification(truth, answer) if learner.classes else metrics.regression(truth, answer[:, 0])


def _baseline(learner: Learner) -> Member:
    """The class shares or the mean, as a linear model without slopes: what no shipped model may be worse than."""
    width = learner.rows.dense.shape[1]
    member = Member("baseline", "baseline")
    for fold in learner.folds:
        y = learner.rows.y[fold.fit]
        if learner.classes:
            counts = np.bincount(y, minlength=learner.classes) + 0.5
            bias = np.log(counts / counts.sum())
        else:
            bias = np.array([y.mean()])
        arrays = {"w": np.zeros((width, len(bias)), np.float32), "b": bias.astype(np.float32)}
        member.fits[fold.name] = Saved({"setting": 0.0}, arrays)
    return member


def _blend(learner: Learner, draft: Fitted, members: list[Member]) -> None:
    """Weights, temperature and threshold on out-of-fold rows: first among the members that answered all of them.

    Slow members answered fewer folds; each joins that blend with the weight that suits the rows it answered.
    """
    run, classes = learner.run, learner.classes
    answers, is_known = _side_by_side(learner, members)
    full = np.flatnonzero(is_known.sum(axis=1) == is_known.any(axis=0).sum())
    everywhere, y = is_known.all(axis=0), learner.rows.y
    asked = is_known.any(axis=0)
    weights = np.zeros(len(members))
    weights[full] = ensemble.greedy_weights([answers[i][asked] for i in full], y[asked], classes)
    if len(full) < len(members):
        partial = np.setdiff1d(np.arange(len(members)), full)
        options = [np.tensordot(weights, answers, axes=1)[everywhere], *(answers[i][everywhere] for i in partial)]
        first, *others = ensemble.greedy_weights(options, y[everywhere], classes)
        weights *= first
        weights[partial] = others
    kept = np.flatnonzero(weights)
    common = np.flatnonzero(is_known[kept].all(axis=0))
    draft.members, draft.weights = [members[i] for i in kept], [float(weights[i]) for i in kept]
    blended, y = np.tensordot(weights[kept], answers[kept], axes=1)[common], y[common]
    if classes:
        draft.temperature = ensemble.best_temperature(blended, y)
        blended = ensemble.temper(blended, draft.temperature)
        draft.out_of_fold = (common, blended)
    metric = str(run.job.options.get("metric", ""))
    if classes == 2 and "threshold" in run.job.options:
        draft.threshold = float(run.job.options["threshold"])
        run.progress.log(
            f"{draft.data.classes[1]!r} is named from a probability of {draft.threshold:.3f} on, as asked."
        )
    elif classes == 2 and metric in metrics.LABEL_METRICS:
        draft.threshold = ensemble.best_threshold(blended[:, 1], y, metric)
        named = f"{draft.data.classes[1]!r} is named from a probability of {draft.threshold:.3f} on"
        run.progress.log(f"{named}, for {metric}.")
    draft.family = "ensemble" if len(kept) > 1 else draft.members[0].family
    note = ", ".join(f"{m.name} {w:.0%}" for m, w in zip(draft.members, draft.weights, strict=True))
    if draft.family in ("ensemble", "baseline"):
        scores = _scores(learner, blended, common)
        run.progress.candidate(draft.family, state="done", metrics=scores, fit_seconds=0.0, note=note)
    run.progress.candidate(draft.family, is_best=True)
    if draft.family == "baseline":
        run.progress.log("No family beats the simplest guess on unseen rows, so that guess is the model.")


def _side_by_side(learner: Learner, members: list[Member]) -> tuple[np.ndarray, np.ndarray]:
    """Out-of-fold answers [members, rows, outputs] (zeros where unknown) and which are known [members, rows]."""
    shape = (len(members), len(learner.rows.y))
    answers, is_known = np.zeros((*shape, learner.classes or 1)), np.zeros(shape, dtype=bool)
    for place, member in enumerate(members):
        rows, answer = learner.out_of_fold(member)
        answers[place, rows], is_known[place, rows] = answer, True
    return answers, is_known


def evaluate(run: RunContext, data: Data, fitted: Fitted, parts: Parts) -> EvaluationReport:
    return evaluation.of_labels(data, fitted, parts, run.job.seed)
