"""The families a recommendation run tries: each searches its settings on validation, or is built with known ones."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workers.export.ranking_parts import Constant, Matrix, Part, RankingMember, Towers
from workers.train import ease, item_neighbours, two_tower
from workers.train.budget import Slice
from workers.train.context import RunContext
from workers.train.interactions import Log
from workers.train.item_neighbours import LATEST, Similarity
from workers.train.ranking_judge import Judge

HALF_LIVES = (0.0, 0.5, 0.15, 0.04, 0.01)  # share of the log's span; 0: no fading
DECAYS = (1.0, 0.97, 0.9, 0.75, 0.5)
SIMILARITIES = ((0.5, 0.5, 0.0), (0.5, 0.5, 10.0), (0.3, 0.7, 0.0), (0.7, 0.3, 0.0), (0.5, 0.2, 0.0))
FOLLOWING = ((1.0, 0.0, 0.0), (1.0, 0.3, 0.0), (0.5, 0.5, 0.0))
PENALTIES = (1.0, 4.0, 15.0, 60.0, 250.0, 1000.0, 4000.0)
FIRST_PENALTY = 3  # place in PENALTIES where the search begins
SOLUTIONS = 3  # of EASE's matrix during a search: the time is planned for so many
PATIENCE = 6  # rounds of the network without a better answer
AGAIN_SHARE = 0.3  # of its rounds, when a network goes on with all events

Setting = dict[str, float]


@dataclass(frozen=True)
class Task:
    """What a family works on. `judge` is None when it is built with a known setting."""

    run: RunContext
    log: Log
    rows: np.ndarray
    judge: Judge | None
    time: Slice
    index: int  # of the family, for its curve
    key: str


@dataclass(frozen=True)
class Found:
    member: RankingMember
    setting: Setting
    note: str = ""


def fit_popularity(task: Task, setting: Setting | None, start: Part | None) -> Found | None:
    half_lives = (setting["half_life"],) if setting else HALF_LIVES if task.log.has_time else (0.0,)
    tried = ({"half_life": one} for one in half_lives)
    return _best(task, "popularity", tried, lambda s: item_neighbours.popularity(task.log, task.rows, s["half_life"]))


def fit_item_knn(task: Task, setting: Setting | None, start: Part | None) -> Found | None:
    met = item_neighbours.pairs_of(task.log, task.rows)
    counts_of = item_neighbours.remembered(met)
    popular = np.asarray(met.sum(axis=0)).ravel()

    def build(s: Setting) -> Part:
        how = Similarity(s["met"], s["scored"], s["shrink"])
        return item_neighbours.from_counts(counts_of, popular, how, task.run.progress.alive)

    return _with_decays(task, "item_knn", _similarities(setting, SIMILARITIES), build, setting)


def fit_next_item(task: Task, setting: Setting | None, start: Part | None) -> Found | None:
    if not task.log.has_time:
        return None
    after = item_neighbours.followers(task.log, task.rows)
    popular = np.bincount(task.log.item[task.rows], minlength=len(task.log.items)).astype(np.float64)

    def build(s: Setting) -> Part:
        how = Similarity(s["met"], s["scored"], s["shrink"])
        return item_neighbours.from_counts(lambda block: after[block], popular, how, task.run.progress.alive)

    return _with_decays(task, "next_item", _similarities(setting, FOLLOWING), build, setting)


def _similarities(setting: Setting | None, options: Iterable[tuple[float, float, float]]) -> Iterable[Setting]:
    return [setting] if setting else [dict(zip(("met", "scored", "shrink"), one, strict=True)) for one in options]


def fit_ease(task: Task, setting: Setting | None, start: Part | None) -> Found | None:
    """The penalty is sought uphill from the middle; then without and with strengths, then how fast events fade."""
    items = len(task.log.items)
    solutions = 1 if setting else SOLUTIONS
    size = int(setting["items"]) if setting else ease.affordable_items(items, 0.8 * task.time.seconds / solutions)
    if size < min(items, 20):
        return None
    grams: dict[bool, np.ndarray] = {}

    def build(s: Setting) -> Part:
        uses = bool(s["strength"])
        if uses not in grams:
            grams.clear()
            grams[uses] = ease.gram(task.log.matrix(task.rows, uses), size)
        task.run.progress.alive()
        return item_neighbours.thinned(ease.solve(grams[uses], s["penalty"]), items)

    if setting or task.judge is None:
        return _with_decays(task, "ease", [setting or {}], build, setting)
    best = _seek_penalty(task, build, size)
    if best is not None and len(task.log.strength) and not task.time.is_over():
        other = _try(task, "ease", best.setting | {"strength": 1.0}, build, 20)
        best = max((best, other), key=lambda one: one.setting["ndcg"])
    note = f"the {size:,} most popular of {items:,} items" if size < items else ""
    return replace(_fading(task, best), note=note) if best else None


def _seek_penalty(task: Task, build: Callable[[Setting], Part], size: int) -> Found | None:
    """Uphill along PENALTIES, then halfway to both neighbours of the best."""
    found: dict[float, Found] = {}

    def at(penalty: float) -> float:
        if penalty not in found and not (found and task.time.is_over()):
            try:
                setting = {"penalty": penalty, "strength": 0.0, "items": float(size)}
                found[penalty] = _try(task, "ease", setting, build, len(found))
            except np.linalg.LinAlgError:
                return -1.0
        return found[penalty].setting["ndcg"] if penalty in found else -1.0

    place = FIRST_PENALTY
    for step in (1, -1):
        while 0 <= place + step < len(PENALTIES) and at(PENALTIES[place + step]) > at(PENALTIES[place]):
            place += step
    for factor in (0.5, 2.0):
        at(PENALTIES[place] * factor)
    return max(found.values(), key=lambda one: one.setting["ndcg"], default=None)


def fit_two_tower(task: Task, setting: Setting | None, start: Part | None) -> Found | None:
    """Rounds until validation no longer gets better; on all events it goes on for some more from where it was."""
    decay = two_tower.NEXT_DECAY if task.log.has_time else 1.0
    training = two_tower.Training(task.run, task.key, task.log, task.rows, start if isinstance(start, Towers) else None)
    if len(training.people) < 2:
        return None
    best: Found | None = None
    rounds = max(1, round(AGAIN_SHARE * setting["rounds"])) if setting else two_tower.MOST_ROUNDS
    while training.round < rounds and not task.time.is_over():
        loss, finished = training.run_round(task.time)
        if task.judge is None:
            continue
        if not finished and best is not None:
            break
        member = RankingMember("two_tower", training.weights.part(), decay)
        ndcg = task.judge.ndcg(member)
        task.run.progress.point(task.index, training.round, train_loss=loss, valid_ndcg=ndcg)
        if best is None or ndcg > best.setting["ndcg"]:
            best = Found(member, {"rounds": float(max(1, training.round)), "ndcg": ndcg, "decay": decay})
        elif training.round - best.setting["rounds"] >= PATIENCE:
            break
    if setting:
        is_done = training.round >= rounds
        member = RankingMember("two_tower", training.weights.part(), decay)
        return Found(member, setting) if is_done else None
    return best


def _try(task: Task, family: str, setting: Setting, build: Callable[[Setting], Part], step: int) -> Found:
    part = build(setting)
    reach = 0 if isinstance(part, Constant | Matrix) else LATEST
    decay, uses = setting.get("decay", 1.0), bool(setting.get("strength", 0.0))
    member = RankingMember(family, part, decay, uses, reach=reach)
    if task.judge is None:
        return Found(member, setting)
    ndcg = task.judge.ndcg(member)
    task.run.progress.point(task.index, step, valid_ndcg=ndcg)
    return Found(member, setting | {"ndcg": ndcg})


def _best(task: Task, family: str, tried: Iterable[Setting], build: Callable[[Setting], Part]) -> Found | None:
    best: Found | None = None
    for step, setting in enumerate(tried):
        if best is not None and task.time.is_over():
            break
        one = _try(task, family, setting, build, step)
        if best is None or one.setting.get("ndcg", 0.0) > best.setting.get("ndcg", 0.0):
            best = one
    return best


def _with_decays(
    task: Task, family: str, tried: Iterable[Setting], build: Callable[[Setting], Part], setting: Setting | None
) -> Found | None:
    best = _best(task, family, tried, build)
    return best if setting or best is None else _fading(task, best)


def _fading(task: Task, best: Found) -> Found:
    """Old events may count less, where the log says which are old."""
    if task.judge is None or not task.log.has_time:
        return best
    for decay in DECAYS[1:]:
        if task.time.is_over():
            break
        member = replace(best.member, decay=decay)
        ndcg = task.judge.ndcg(member)
        if ndcg < best.setting["ndcg"]:
            break
        best = Found(member, best.setting | {"decay": decay, "ndcg": ndcg}, best.note)
    return best


FIT: dict[str, Callable[[Task, Any, Part | None], Found | None]] = {
    "popularity": fit_popularity,
    "item_knn": fit_item_knn,
    "next_item": fit_next_item,
    "ease": fit_ease,
    "two_tower": fit_two_tower,
}
