"""Says once, on held-out events, how well the recommender ranks, beside popularity, and for whom."""

from collections.abc import Callable
from typing import Any

import numpy as np

from contracts.manifests import EvaluationReport
from workers.export.ranking_parts import RankingMember, RankingModel
from workers.train import evaluation, ranking_metrics, rating_model
from workers.train.interactions import Log
from workers.train.ranking_judge import Judge
from workers.train.ranking_scores import Histories, blended, in_chunks, member_scores, standardised
from workers.train.splits import Parts

EXAMPLES_MOST = 200
EXAMPLE_ITEMS = 5
ACTIVITY = ((1, 5), (5, 20), (20, 100), (100, None))  # events in the history: from, up to


def alone(member: RankingMember, histories: Histories, items: int) -> np.ndarray:
    return member_scores(member, histories, items)


def together(members: list[RankingMember], histories: Histories, items: int) -> np.ndarray:
    return np.sum([one.weight * member_scores(one, histories, items) for one in members], axis=0)


def evaluate(
    log: Log, model: RankingModel, parts: Parts, random: np.random.Generator, is_late: Callable[[], bool]
) -> EvaluationReport:
    """`model` was fitted without the test events; each judged user's history is everything but those.

    The users are asked in random order, so that those asked until it is late stand for all.
    """
    judge = Judge(log, parts.fitted, random.permutation(parts.test), len(parts.test))
    place: list[np.ndarray] = []
    popular: list[np.ndarray] = []
    best: list[np.ndarray] = []
    floor = standardised(model.popularity[None].astype(np.float64))
    for rows in in_chunks(len(judge.people), judge.items):
        if best and is_late():
            break
        histories = judge.histories.take(rows)
        scores = judge.visible(blended(model, histories), rows)
        place.append(ranking_metrics.places(scores, judge.truth[rows]))
        best.append(ranking_metrics.best(scores, 10))
        plain = judge.visible(np.repeat(floor, len(rows), axis=0), rows)
        popular.append(ranking_metrics.places(plain, judge.truth[rows]))
    places, top = np.concatenate(place), np.concatenate(best)
    metrics = ranking_metrics.summary(places) | {"coverage": len(np.unique(top)) / judge.items}
    baseline = ranking_metrics.summary(np.concatenate(popular))
    if model.ratings is not None:
        metrics |= _rating_errors(log, model, parts)
        baseline |= _errors(log.rating[parts.test] - log.rating[parts.fitted].mean())
    return EvaluationReport(
        metrics=evaluation.rounded(metrics),
        baseline=evaluation.rounded(baseline),
        primary_metric=ranking_metrics.PRIMARY,
        higher_is_better=True,
        rows=len(places),
        intervals={ranking_metrics.PRIMARY: [round(one, 6) for one in ranking_metrics.interval(places, random)]},
        slices=_slices(places, np.diff(judge.histories.starts)[: len(places)]),
        examples=_examples(log, judge, places, top, random),
    )


def _rating_errors(log: Log, model: RankingModel, parts: Parts) -> dict[str, float]:
    assert model.ratings is not None
    at = {name: place for place, name in enumerate(model.users)}
    user = np.array([at.get(log.users[one], len(model.users)) for one in log.user[parts.test]])
    return _errors(log.rating[parts.test] - rating_model.foretold(model.ratings, user, log.item[parts.test]))


def _errors(off: np.ndarray) -> dict[str, float]:
    return {"rmse": float(np.sqrt((off**2).mean())), "mae": float(np.abs(off).mean())}


def _slices(places: np.ndarray, lengths: np.ndarray) -> list[dict[str, Any]]:
    """By how much is known of the user."""
    found = []
    for low, high in ACTIVITY:
        mine = (lengths >= low) & (lengths < (high or np.inf))
        if mine.any():
            name = f"{low} to {high - 1} events" if high else f"{low} events or more"
            metrics = evaluation.rounded(ranking_metrics.summary(places[mine]))
            found.append({"name": name, "rows": int(mine.sum()), "metrics": metrics})
    return found


def _examples(
    log: Log, judge: Judge, places: np.ndarray, top: np.ndarray, random: np.random.Generator
) -> list[dict[str, Any]]:
    """Users drawn at random: what came next, and what was recommended."""
    picked = np.sort(random.permutation(len(places))[:EXAMPLES_MOST])
    return [
        {
            "row": int(judge.asked[one]),
            "true": log.items[judge.truth[one]],
            "predicted": log.items[top[one, 0]],
            "values": {
                "user": log.users[judge.people[one]],
                "place": int(places[one]) + 1,
                "best": [log.items[item] for item in top[one, :EXAMPLE_ITEMS]],
            },
        }
        for one in picked
    ]
