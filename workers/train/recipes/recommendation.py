"""Recommendation from a log of who met what: counting, closed-form and torch models, compared and blended.

Reads top to bottom: load → hold out one event per user for validation and one for the test → fit each family on the
rest → blend what helps → evaluate on the test → fit the kept families again on every event, because what the model
does not know it would recommend again. The numbers shown are therefore those of a model that knows a little less.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from contracts.interactions import Roles, roles_of
from contracts.manifests import EvaluationReport
from workers.export import latency, ranking_onnx
from workers.export.ranking_parts import RankingMember, RankingModel, Ratings
from workers.train import evaluation, ranking_evaluation, ranking_families, ranking_metrics, rating_model, seeds
from workers.train.context import RunContext
from workers.train.failures import UserFailure
from workers.train.interactions import Log, hold_out, read_log
from workers.train.ranking_families import Found, Task
from workers.train.ranking_judge import Judge
from workers.train.ranking_model import Fitted, assembled, feed_of, found_of, saved_of
from workers.train.rating_model import RatingSetting
from workers.train.splits import Parts

FAMILIES = ("popularity", "item_knn", "next_item", "ease", "two_tower")  # quick ones first: something is in hand early
SHARES = {"popularity": 0.3, "item_knn": 0.25, "next_item": 0.25, "ease": 0.6, "two_tower": 1.0}  # of what is left
SELECTION_SHARE = 0.6  # of the fitting time; the rest is for fitting the kept families again on every event
NOT_NEEDED = {"next_item": "The log has no times, so there is no next item."}
BLEND_STEPS = 12  # greedy steps of the blend
BLEND_LEAST_GAIN = 0.003  # a blend must beat the best single family by 0.3 %, else the simpler model is kept
BLEND_MOST_CELLS = 6_000_000  # users × items
RATING_SHARE = 0.25  # of what is left, for the search of a rating's setting and for each of the two fits with it
END_FACTOR, END_LEAST_S = 1.5, 1.0  # export, parity and package, by the measured time of the families' own graphs
EVALUATION_LEAVES = 0.08  # of the budget for export, parity and package: fewer users are asked when it gets late
SLOWER_AGAIN = 1.4  # a second fit sees more events, and the machine may be busier


@dataclass(frozen=True)
class Data:
    log: Log
    roles: Roles


def load(run: RunContext, path: Path) -> Data:
    roles = roles_of(run.job.columns, item=run.job.target, chosen=run.job.options.get("roles"))
    if not roles.is_complete:
        lacking = "user" if not roles.user else "item"
        raise UserFailure("yours:roles-unclear", f"No column of the dataset is known to hold the {lacking}.")
    log = read_log(path, roles)
    run.progress.log(
        f"{len(log.user):,} events of {len(log.users):,} users ({roles.user!r}) with {len(log.items):,} items "
        f"({roles.item!r}); "
        + (f"ratings from {roles.rating!r}, " if roles.rating else "")
        + (f"weights from {roles.weight!r}, " if roles.weight else "")
        + (f"times from {roles.time!r}." if roles.time else "no times: the held-out events are drawn at random.")
    )
    if log.repeats:
        run.progress.log(f"{log.repeats:,} repeated events are folded into one per user and item.")
    if log.left_out:
        run.progress.log(f"{log.left_out:,} rows without a user, an item or a rating are left out.")
    return Data(log, roles)


def split(run: RunContext, data: Data) -> Parts:
    return hold_out(data.log, int(run.job.splits.get("seed", run.job.seed) or 0))


def fit(run: RunContext, data: Data, parts: Parts) -> Fitted:
    """1. families 2. blend 3. what ratings say 4. again on every event."""
    log = data.log
    judge = Judge(log, parts.train, parts.valid)
    selection_s = SELECTION_SHARE * run.budget.fitting_left_s()
    found: dict[str, Found] = {}
    times_s: dict[str, float] = {}
    for index, family in enumerate(FAMILIES):
        one, took_s = _candidate(run, data, parts, judge, family, index, selection_s - sum(times_s.values()))
        if one is not None:
            found[family], times_s[family] = one, took_s
    if not found:
        raise UserFailure("yours:budget-spent", "No model family was ready when the budget ended.")
    popular = found.get("popularity") or _popular(run, log, parts.train, 0.0)
    members = _blend(run, log, parts, list(found.values()))
    rating = _rating_setting(run, log, parts)
    measured = assembled(log, parts.fitted, members, _constant(popular), _ratings(run, log, parts.fitted, rating))
    family = next(one.family for one in run.progress.candidates.values() if one.is_best)
    model = _fit_again(run, data, measured, found, popular, rating, times_s)
    return Fitted(log, data.roles, family, measured, model)


def _task(
    run: RunContext, log: Log, rows: np.ndarray, judge: Judge | None, key: str, share: float = 1.0, of_s: float = 0.0
) -> Task:
    index = FAMILIES.index(key.removesuffix("-again"))
    return Task(run, log, rows, judge, run.budget.slice(share, of_s=of_s or None), index, key)


def _popular(run: RunContext, log: Log, rows: np.ndarray, half_life: float) -> Found:
    found = ranking_families.fit_popularity(_task(run, log, rows, None, "popularity"), {"half_life": half_life}, None)
    assert found is not None
    return found


def _constant(popular: Found) -> np.ndarray:
    return np.asarray(vars(popular.member.part)["scores"])


def _candidate(
    run: RunContext, data: Data, parts: Parts, judge: Judge, family: str, index: int, left_s: float
) -> tuple[Found | None, float]:
    """Fit one family on the training events, or take it from the checkpoint, and put it on the board."""
    if not run.wants(family) and family != "popularity":  # the least that anything else must beat
        return None, 0.0
    run.progress.stage(f"fit {family}", 0.1 + 0.12 * index, eta_seconds=run.budget.left_s())
    task = _task(run, data.log, parts.train, judge, family, SHARES[family], max(left_s, 1e-3))
    saved = run.checkpoints.finished(family)
    if saved is None:
        if task.time.is_over():
            run.progress.candidate(family, state="skipped", note="There was no time left in the budget.")
            return None, 0.0
        run.progress.candidate(family, state="fitting")
        one = ranking_families.FIT[family](task, None, None)
        if one is None:
            note = NOT_NEEDED.get(family, "The catalogue is too large for the time, or the histories are too short.")
            run.progress.candidate(family, state="skipped", note=note)
            return None, task.time.used_s()
        saved = saved_of(one, task.time.used_s())
        run.checkpoints.finish(family, saved)
    one = found_of(family, saved)
    _show(run, data, parts, judge, one, saved.facts["fit_seconds"])
    return one, saved.facts["fit_seconds"]


def _show(run: RunContext, data: Data, parts: Parts, judge: Judge, one: Found, seconds: float) -> None:
    """Metrics on validation, with the size and latency of the family's own export."""
    place = judge.places(lambda histories: ranking_evaluation.alone(one.member, histories, judge.items))
    time = run.budget.slice(1.0)
    model = assembled(data.log, parts.fitted, [one.member], np.zeros(judge.items, np.float32), None)
    raw = ranking_onnx.to_onnx(model).SerializeToString()
    users = np.array(model.users[:1] or [""], dtype=object)
    nothing = [np.empty(0, np.int64)]
    run.progress.candidate(
        one.member.family,
        state="done",
        metrics=evaluation.rounded(ranking_metrics.summary(place)),
        fit_seconds=round(seconds, 3),
        size_bytes=len(raw),
        note=one.note,
        **latency.measured(raw, feed_of(model, users, nothing, nothing, 10.0, 1.0)),
    )
    run.budget.needs_at_end(END_FACTOR * time.used_s() + END_LEAST_S)


def _blend(run: RunContext, log: Log, parts: Parts, found: list[Found]) -> list[RankingMember]:
    """Greedy weights (Caruana): add the member that helps most, again and again; the best single one unless beaten."""
    judge = Judge(log, parts.train, parts.valid, max(100, min(3_000, BLEND_MOST_CELLS // len(log.items))))
    scores = [judge.matrix(one.member) for one in found]

    def ndcg(total: np.ndarray) -> float:
        return float(ranking_metrics.gains(ranking_metrics.places(total, judge.truth)).mean())

    alone = [ndcg(one) for one in scores]
    best = int(np.argmax(alone))
    counts, total, reached = np.zeros(len(found)), np.zeros_like(scores[0]), 0.0
    weights = np.eye(len(found))[best]
    blend_ndcg = alone[best]
    for _ in range(BLEND_STEPS if len(found) > 1 else 0):
        run.progress.alive()
        options = [ndcg(total + one) for one in scores]
        chosen = int(np.argmax(options))
        counts[chosen] += 1
        total, reached = total + scores[chosen], options[chosen]
        if reached > blend_ndcg * (1 + BLEND_LEAST_GAIN):
            weights, blend_ndcg = counts / counts.sum(), reached
        if run.budget.fitting_left_s() <= 0:
            break
    kept = [replace(one.member, weight=float(w)) for one, w in zip(found, weights, strict=True) if w > 0]
    if len(kept) > 1:
        note = ", ".join(f"{one.family} {one.weight:.0%}" for one in kept)
        place = judge.places(lambda histories: ranking_evaluation.together(kept, histories, judge.items))
        metrics = evaluation.rounded(ranking_metrics.summary(place))
        run.progress.candidate("ensemble", state="done", metrics=metrics, fit_seconds=0.0, note=note)
    run.progress.candidate("ensemble" if len(kept) > 1 else kept[0].family, is_best=True)
    return kept


def _rating_setting(run: RunContext, log: Log, parts: Parts) -> RatingSetting | None:
    if not len(log.rating) or np.ptp(log.rating) == 0 or run.budget.fitting_left_s() <= 0:
        return None
    run.progress.alive()
    return rating_model.choose(log, parts.train, parts.valid, run.job.seed, run.budget.slice(RATING_SHARE))


def _ratings(run: RunContext, log: Log, rows: np.ndarray, setting: RatingSetting | None) -> Ratings | None:
    if setting is None:
        return None
    run.progress.alive()
    return rating_model.fit_ratings(log, rows, setting, run.job.seed, run.budget.slice(RATING_SHARE))


def _fit_again(
    run: RunContext,
    data: Data,
    measured: RankingModel,
    found: dict[str, Found],
    popular: Found,
    rating: RatingSetting | None,
    times_s: dict[str, float],
) -> RankingModel:
    """The kept families on every event, as far as the time allows; a first fit also ranks with every history."""
    log, everything = data.log, np.arange(len(data.log.user))
    members = []
    for member in measured.members:
        key = f"{member.family}-again"
        saved = run.checkpoints.finished(key)
        if saved is None:
            run.progress.stage(f"fit {member.family} on all events", 0.75, eta_seconds=run.budget.left_s())
            needed_s = times_s[member.family] * _again_share(found[member.family]) * SLOWER_AGAIN
            again = None
            if not run.budget.is_stopped() and needed_s <= run.budget.fitting_left_s():
                task = _task(run, log, everything, None, key)
                again = ranking_families.FIT[member.family](task, found[member.family].setting, member.part)
            if again is None:
                run.progress.log(f"No time to fit {member.family} again on all events; its first fit is kept.")
                members.append(member)
                continue
            saved = saved_of(again, task.time.used_s())
            run.checkpoints.finish(key, saved)
        members.append(replace(found_of(member.family, saved).member, weight=member.weight))
    popular = _popular(run, log, everything, popular.setting.get("half_life", 0.0))
    return assembled(log, everything, members, _constant(popular), _ratings(run, log, everything, rating))


def _again_share(found: Found) -> float:
    """How long the second fit takes beside the first, which tried several settings."""
    tries = {"item_knn": 5.0, "next_item": 3.0, "ease": 4.0, "popularity": 2.0}
    return 1.0 / tries[found.member.family] if found.member.family in tries else ranking_families.AGAIN_SHARE


def evaluate(run: RunContext, data: Data, fitted: Fitted, parts: Parts) -> EvaluationReport:
    """The held-out last event of each judged user, among everything the user had not met."""
    random = seeds.generator(run.job.seed, "intervals")

    def is_late() -> bool:
        run.progress.alive()
        return run.budget.left_s() < max(EVALUATION_LEAVES * run.budget.total_s, run.budget.end_s())

    return ranking_evaluation.evaluate(data.log, fitted.measured, parts, random, is_late)
