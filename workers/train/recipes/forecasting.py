"""Forecasts of one or many series: naive, smoothing, theta, boosting and a network, compared at rolling origins.

Reads top to bottom: load → cut each series in time → fit each family on the first stretch → compare at the origins of
the second → blend → intervals from the errors made there → fit again without the test stretch (measured) and with
everything (exported). A forecast that does not beat the best naive one is not shipped: the naive one is.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from contracts.manifests import EvaluationReport
from workers.export import latency
from workers.train import backtest, forecast_evaluation, numpy_ops, origins, seasonal
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.failures import UserFailure
from workers.train.forecast_families import FIT, Stretch, base_of
from workers.train.forecast_forward import Member, Shape, blend
from workers.train.forecast_model import Data, Fitted
from workers.train.origins import LEAST_STEPS, Origins
from workers.train.series import SeriesTable, read_series
from workers.train.splits import Parts

FAMILIES = ("seasonal_naive", "exponential_smoothing", "theta", "gradient_boosting", "window_network")
MATRICES = FAMILIES[:3]
SHARES = {"seasonal_naive": 0.2, "exponential_smoothing": 0.35, "theta": 0.3, "gradient_boosting": 0.55}
SELECTION_SHARE = 0.5  # of the fitting time; the rest is for fitting the kept families again, twice
END_FACTOR, END_LEAST_S = 2.0, 1.5  # evaluation, export and parity, by the measured time of a family's own graph
REFIT_GROWTH = 1.1
BLEND_ROUNDS = 20
NAIVE_MARGIN = 0.01  # a model must beat the best naive forecast by 1 % at the validation origins, else naive is shipped
BLEND_LEAST_GAIN = 0.002
INTERVAL = 0.8
CELLS_PER_S, CELLS_LEAST, CELLS_MOST = 50_000, 500_000, 8_000_000  # values of all training windows, by the budget
WINDOW_LEAST, WINDOW_MOST = 12, 800
STORED_MOST = 8_000_000  # values of all last windows in the exported file
TRAIN_SHARE_OF_WINDOW = 0.85  # of the median training stretch: origins must be left to learn from


def load(run: RunContext, path: Path) -> Data:
    options = run.job.options
    types = {column["name"]: column.get("type", "") for column in run.job.columns}
    keys = options.get("series_column") or []
    table = read_series(
        path, types, run.job.target, options.get("time_column", ""), [keys] if isinstance(keys, str) else keys
    )
    for note in table.notes:
        run.progress.log(note)
    data = _shaped(table, options, run.job.target, run.budget.total_s)
    shape = data.shape
    keyed = f", told apart by {', '.join(table.key_columns)}" if table.key_columns else ""
    run.progress.log(
        f"{len(table.series):,} series{keyed}, {shape.frequency.words} (time: {table.time_column}); "
        f"season {shape.season} of {', '.join(map(str, shape.seasons))}; {shape.horizon} steps ahead from "
        f"{shape.window} values."
    )
    return data


def _shaped(table: SeriesTable, options: dict[str, Any], target: str, budget_s: float) -> Data:
    lengths = np.array([len(one.values) for one in table.series])
    longest, usual = int(lengths.max()), float(np.quantile(lengths, 0.5))
    if longest < LEAST_STEPS:
        raise UserFailure(
            "yours:series-too-short", f"The longest series has {longest} steps; {LEAST_STEPS} are needed."
        )
    wished = int(options.get("horizon") or 0)
    horizon = wished or max(1, min(table.frequency.horizon, int(usual * 0.2)))
    if wished > longest // 3:
        detail = f"{wished} steps ahead from a series of {longest} steps; at most a third of it, {longest // 3}."
        raise UserFailure("yours:series-too-short", detail)
    cuts = [origins.cut(len(one.values), horizon) for one in table.series]
    ends = [one.test for one in cuts]
    season = int(options.get("season") or 0)
    proposed = ((season,) if season > 1 else ()) + table.frequency.seasons
    seasons = seasonal.find(table.series, ends, proposed, horizon)
    if season:
        seasons = (season, *(one for one in seasons if one != season))
    usual_end = float(np.median([one.valid for one in cuts]))
    room = min(WINDOW_MOST, STORED_MOST // len(table.series), max(WINDOW_LEAST, int(usual_end * TRAIN_SHARE_OF_WINDOW)))
    wanted = max(WINDOW_LEAST, 2 * horizon, 4 * seasons[0], *(2 * one + 8 for one in seasons))
    window = max(min(wanted, room), min(seasons[0] + 1, longest - 1), 4)
    seasons = tuple(one for one in seasons if one < window) or (1,)
    is_positive = all(np.nanmin(one.values) >= 0 for one in table.series)
    shape = Shape(window, horizon, seasons[0], seasons, table.frequency, is_positive)
    least = int(min(max(2 * seasons[0], window // 2, 3), max(2, usual_end // 2)))
    parts = (
        origins.rolling(table.series, cuts, "begin", "valid", least),
        origins.rolling(table.series, cuts, "valid", "test", 2),
        origins.last_origins(cuts),
    )
    seed = int(lengths.sum())
    most = max(200, int(np.clip(budget_s * CELLS_PER_S, CELLS_LEAST, CELLS_MOST)) // window)
    kept = (
        parts[0].some(min(origins.MOST_TRAIN, most), seed),
        parts[1].some(min(origins.MOST_VALID, max(200, most // 3)), seed),
        parts[2],
    )
    merged = Origins(np.concatenate([p.at for p in kept]), np.concatenate([p.ends for p in kept]))
    interval = float(options.get("interval") or INTERVAL)
    sizes = tuple(len(part) for part in kept)
    return Data(table, cuts, shape, interval, merged, sizes, target)


def split(run: RunContext, data: Data) -> Parts:
    """Origins, not rows: those of the first stretch, of the second, and one per series for the last."""
    bounds = np.cumsum((0, *data.sizes))
    train, valid, test = (np.arange(a, b) for a, b in pairwise(bounds))
    if len(train) == 0 or len(valid) == 0:
        raise UserFailure("yours:series-too-short", "No series is long enough to compare forecasts with what came.")
    return Parts(train, valid, test)


def fit(run: RunContext, data: Data, parts: Parts) -> Fitted:
    """1. families 2. blend 3. intervals 4. again without the test stretch 5. again with everything."""
    scale = backtest.scales(data.table.series, [one.valid for one in data.cuts], data.shape.season)
    train, valid = (Stretch.of(data, rows, scale) for rows in (parts.train, parts.valid))
    selection_s = SELECTION_SHARE * run.budget.fitting_left_s()
    members: list[Member] = []
    spent_s = 0.0
    times_s: dict[str, float] = {}
    for family in FAMILIES:
        index = (run.job.families or list(FAMILIES)).index(family) if run.wants(family) else 0
        found, took_s = _candidate(run, data, family, index, train, valid, selection_s - spent_s, members)
        members.extend(found)
        spent_s += took_s
        times_s[family] = took_s
    if not members:
        raise UserFailure("yours:budget-spent", "No model family was ready when the budget ended.")
    answers = [_alone(data, member, valid) for member in members]
    chosen = _choose(run, members, answers, valid)
    family = next(one.family for one in run.progress.candidates.values() if one.is_best)
    value = np.sum([weight * answer for (weight, _), answer in _with(chosen, members, answers)], axis=0)
    bands = backtest.conformal_bands(valid.truth, value, valid.window_scale, data.interval)
    measured = _fit_again(run, data, chosen, np.concatenate([parts.train, parts.valid]), "again", times_s)
    final = _fit_again(run, data, measured, _everything(data), "final", times_s)
    return Fitted(data, final, measured, family, bands, bands)


def _candidate(
    run: RunContext,
    data: Data,
    family: str,
    index: int,
    train: Stretch,
    valid: Stretch,
    left_s: float,
    members: list[Member],
) -> tuple[list[Member], float]:
    """Fit one family on the first stretch, or take it from the checkpoint, and put its best member on the board."""
    is_naive = family == "seasonal_naive"
    if not run.wants(family) and not is_naive:  # naive forecasts are always made: they are the measure
        return [], 0.0
    run.progress.stage(f"fit {family}", 0.1 + 0.12 * index, eta_seconds=run.budget.left_s())
    time = run.budget.slice(SHARES.get(family, 1.0), of_s=max(0.0, left_s))
    saved = run.checkpoints.finished(family)
    if saved is None and time.is_over():
        run.progress.candidate(family, state="skipped", note="There was no time left in the budget.")
        return [], 0.0
    run.progress.candidate(family, state="fitting")
    if saved is None:
        more = {} if family in MATRICES else {"base": base_of(data, members, train)}
        fitted = FIT[family](run, data, family, train, valid, time, index, **more)
        saved = _as_saved(fitted, round(time.used_s(), 3))
        run.checkpoints.finish(family, saved)
    found = _from_saved(family, saved)
    if not found:
        run.progress.candidate(family, state="skipped", note="There was no time left in the budget.")
        return [], saved.facts["fit_seconds"]
    _report(run, data, family, found, valid, saved.facts["fit_seconds"])
    return found, saved.facts["fit_seconds"]


def _report(
    run: RunContext, data: Data, family: str, members: list[Member], valid: Stretch, fit_seconds: float
) -> None:
    answers = [_alone(data, member, valid) for member in members]
    best = int(np.argmin([backtest.mase(valid.truth, answer, valid.scale) for answer in answers]))
    bands = backtest.conformal_bands(valid.truth, answers[best], valid.window_scale, data.interval)
    time = run.budget.slice(1.0)
    alone = Fitted(data, [(1.0, members[best])], [], family, bands, bands)
    raw = alone.to_onnx().SerializeToString()
    feed = alone.parity_groups(np.array([0]))[0][0]
    run.progress.candidate(
        family,
        state="done",
        fit_seconds=fit_seconds,
        size_bytes=len(raw),
        metrics=_scores(data, answers[best], bands, valid),
        note=members[best].note,
        **latency.measured(raw, feed),
    )
    run.budget.needs_at_end(END_FACTOR * time.used_s() + END_LEAST_S)


def _alone(data: Data, member: Member, stretch: Stretch) -> np.ndarray:
    """The member's own forecast at each origin, [M, H]."""
    return np.asarray(blend(numpy_ops, [(1.0, member)], stretch.filled, stretch.last_times, data.shape))


def _scores(data: Data, value: np.ndarray, bands: np.ndarray, stretch: Stretch) -> dict[str, float]:
    ends = (value, value + stretch.window_scale * bands[:1], value + stretch.window_scale * bands[1:])
    return backtest.scores(stretch.truth, ends, stretch.scale, data.interval)


def _choose(
    run: RunContext, members: list[Member], answers: list[np.ndarray], valid: Stretch
) -> list[tuple[float, Member]]:
    """Greedy weights (Caruana) on MASE; the best one unless the blend beats it; naive unless either beats that."""
    loss_of = lambda answer: backtest.mase(valid.truth, answer, valid.scale)  # noqa: E731
    losses = [loss_of(answer) for answer in answers]
    naive = [i for i, member in enumerate(members) if member.family == "seasonal_naive"]
    best_naive = min(naive, key=lambda i: losses[i])
    wanted = [i for i, member in enumerate(members) if i == best_naive or run.wants(member.family)]
    counts, total = np.zeros(len(members)), np.zeros_like(answers[0])
    for step in range(BLEND_ROUNDS):
        picked = min(wanted, key=lambda i: loss_of((total + answers[i]) / (step + 1)))
        counts[picked] += 1
        total = total + answers[picked]
    blended = loss_of(total / BLEND_ROUNDS)
    best = min(wanted, key=lambda i: losses[i])
    weights = counts / BLEND_ROUNDS
    if (counts > 0).sum() > 1:
        shares = {f: sum(w for w, m in zip(weights, members, strict=True) if m.family == f) for f in FAMILIES}
        note = ", ".join(f"{family} {share:.0%}" for family, share in shares.items() if share)
        run.progress.candidate("ensemble", state="done", metrics={"mase": blended}, fit_seconds=0.0, note=note)
    limit = losses[best_naive] * (1 - NAIVE_MARGIN)
    if blended < losses[best] * (1 - BLEND_LEAST_GAIN) and blended < limit and (counts > 0).sum() > 1:
        run.progress.candidate("ensemble", is_best=True)
        return [(float(w), m) for w, m in zip(weights, members, strict=True) if w > 0]
    if losses[best] >= limit:
        run.progress.log("No family beats the best naive forecast by 1 %: the naive forecast is kept.")
        best = best_naive
    run.progress.candidate(members[best].family, is_best=True)
    return [(1.0, members[best])]


def _with(
    chosen: list[tuple[float, Member]], members: list[Member], answers: list[np.ndarray]
) -> list[tuple[tuple[float, Member], np.ndarray]]:
    places = {id(member): place for place, member in enumerate(members)}
    return [(pair, answers[places[id(pair[1])]]) for pair in chosen]


def _everything(data: Data) -> np.ndarray:
    return np.arange(len(data.origins))


def _fit_again(
    run: RunContext,
    data: Data,
    chosen: list[tuple[float, Member]],
    rows: np.ndarray,
    suffix: str,
    times_s: dict[str, float],
) -> list[tuple[float, Member]]:
    """Boosting and the network once more on more origins; matrices stay: their few numbers hardly move."""
    out = []
    is_final = suffix == "final"
    ends = [one.end if is_final else one.test for one in data.cuts]
    for weight, member in chosen:
        key = f"{member.family}-{suffix}"
        saved = run.checkpoints.finished(key)
        needed_s = times_s[member.family] * REFIT_GROWTH * len(rows) / data.sizes[0]
        is_late = run.budget.is_stopped() or needed_s > run.budget.fitting_left_s()
        if member.kind == "matrix" or (saved is None and is_late):
            if member.kind != "matrix":
                run.progress.log(f"No time to fit {member.family} again on newer values; the earlier fit is kept.")
            out.append((weight, member))
            continue
        run.progress.stage(f"fit {member.family} again", 0.85 if is_final else 0.75, eta_seconds=run.budget.left_s())
        if saved is None:
            scale = backtest.scales(data.table.series, ends, data.shape.season)
            stretch = Stretch.of(data, rows, scale, up_to=ends)
            more = {"base": member.matrix, "rounds": round(member.facts["rounds"] * REFIT_GROWTH)}
            again = FIT[member.family](run, data, key, stretch, None, run.budget.slice(1.0), 0, **more)
            saved = _as_saved(again, 0.0)
            run.checkpoints.finish(key, saved)
        fitted = _from_saved(member.family, saved)
        out.append((weight, fitted[0] if fitted else member))
    return out


def _as_saved(members: list[Member], fit_seconds: float) -> Saved:
    facts: dict[str, Any] = {"fit_seconds": fit_seconds, "members": []}
    arrays: dict[str, np.ndarray] = {}
    for place, member in enumerate(members):
        packed, held = member.packed()
        facts["members"].append(packed)
        arrays |= {f"{place}:{name}": one for name, one in held.items()}
    return Saved(facts, arrays)


def _from_saved(family: str, saved: Saved) -> list[Member]:
    return [
        Member.unpacked(family, facts, {n.split(":")[1]: a for n, a in saved.arrays.items() if n.startswith(f"{i}:")})
        for i, facts in enumerate(saved.facts["members"])
    ]


def evaluate(run: RunContext, data: Data, fitted: Fitted, parts: Parts) -> EvaluationReport:
    """On the last stretch of every series, with the model that has not seen it; then its errors widen the intervals."""
    report, fitted.bands = forecast_evaluation.evaluate(data, fitted, parts)
    return report
