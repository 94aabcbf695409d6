"""The recommender a run leaves: what it stores of each user, how it answers, and what travels with its graph."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import scipy

from contracts.interactions import Roles
from contracts.manifests import ColumnSpec, OutputMeaning, TensorSpec
from workers.export import ranking_onnx
from workers.export.parity import Ranked
from workers.export.ranking_parts import PARTS, RankingMember, RankingModel, Ratings
from workers.train import ranking_metrics
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.interactions import Log
from workers.train.ranking_families import Found
from workers.train.ranking_judge import histories_of
from workers.train.ranking_scores import Histories, blended, hide_seen, ratings_of

STORED_USERS_MOST = 200_000  # with their names about 10 MB; beyond, the most active are stored
STORED_EVENTS_MOST = 10_000_000  # 40 MB
ANSWER_MOST = 50
PARITY_TOLERANCE = 1e-3  # scores have spread 1; thousands of products add up in another order
PARITY_MOST_USERS = 250
K_DEFAULT = 10.0


def saved_of(found: Found, seconds: float) -> Saved:
    member = found.member
    facts = {
        "setting": found.setting, "note": found.note, "kind": type(member.part).__name__, "decay": member.decay,
        "uses_strength": member.uses_strength, "reach": member.reach, "fit_seconds": round(seconds, 3),
    }  # fmt: skip
    return Saved(facts, {name: np.asarray(value) for name, value in vars(member.part).items()})


def found_of(family: str, saved: Saved) -> Found:
    facts = saved.facts
    part = PARTS[facts["kind"]](**saved.arrays)
    member = RankingMember(family, part, facts["decay"], facts["uses_strength"], facts["reach"])
    return Found(member, facts["setting"], facts["note"])


def assembled(
    log: Log, rows: np.ndarray, members: list[RankingMember], popularity: np.ndarray, ratings: Ratings | None
) -> RankingModel:
    """`rows`: the events that are stored as histories. Beyond the limits the most active users are kept."""
    counts = np.bincount(log.user[rows], minlength=len(log.users))
    by_activity = np.lexsort((np.arange(len(counts)), -counts))
    fits = int(np.searchsorted(np.cumsum(counts[by_activity]), STORED_EVENTS_MOST, side="right"))
    kept = np.sort(by_activity[: min(STORED_USERS_MOST, fits)])
    kept = kept[counts[kept] > 0]
    histories = histories_of(log, rows).take(kept)
    if ratings is not None:
        places = np.append(kept, len(log.users))
        vectors = ratings.user_vectors[places]
        ratings = Ratings(
            ratings.mean, ratings.user[places], ratings.item, vectors, ratings.item_vectors, ratings.lowest,
            ratings.highest,
        )  # fmt: skip
    return RankingModel(
        items=log.items,
        members=members,
        popularity=popularity,
        users=[log.users[one] for one in kept],
        starts=histories.starts.astype(np.int64),
        stored=histories.items.astype(np.int32),
        strengths=histories.strengths,
        ratings=ratings,
        most=ANSWER_MOST,
    )


@dataclass
class Fitted:
    """`model` is shipped and knows every event; `measured` was fitted without the held-out ones and is evaluated."""

    log: Log
    roles: Roles
    family: str
    measured: RankingModel
    model: RankingModel

    reference_name = f"numpy {np.__version__}, scipy {scipy.__version__}"
    tolerance = PARITY_TOLERANCE

    def to_onnx(self) -> onnx.ModelProto:
        return ranking_onnx.to_onnx(self.model)

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        return []  # there are no columns to shuffle

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        return outputs_of(self.model)

    def describe(self) -> dict[str, Any]:
        return {"inputs": INPUTS, "columns": columns_of(self.model, self.roles)}

    def parity_groups(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], Ranked]]:
        """1. stored users 2. histories that are sent 3. both 4. strangers 5. named items, repeats and short answers."""
        people = np.unique(self.log.user[rows])[:PARITY_MOST_USERS]
        names = np.array([self.log.users[one] for one in people], dtype=object)
        histories = histories_of(self.log, np.arange(len(self.log.user))).take(people)
        sent = [histories.items[histories.starts[i] : histories.starts[i + 1]][-20:] for i in range(len(people))]
        nobody = np.array([""] * len(people), dtype=object)
        few = [np.concatenate([one[:2], one[:1]]) for one in sent]  # with a repeat
        named = [np.unique(np.concatenate([one[-3:], [0, len(self.log.items) - 1]])) for one in sent]
        nothing = [np.empty(0, np.int64)] * len(people)
        cases = [
            (names, nothing, nothing, K_DEFAULT, 1.0),
            (nobody, sent, nothing, 50.0, 1.0),
            (names, few, nothing, 20.0, 0.0),
            (nobody[:5], nothing[:5], nothing[:5], 5.0, 1.0),
            (names, nothing, named, K_DEFAULT, 1.0),
        ]
        return [(feed_of(self.model, *case), answers(self.model, *case)) for case in cases]


INPUTS = [
    TensorSpec(ranking_onnx.USER, "BYTES", [-1, 1]),
    TensorSpec(ranking_onnx.HISTORY, "BYTES", [-1, -1]),
    TensorSpec(ranking_onnx.ITEMS, "BYTES", [-1, -1]),
    TensorSpec(ranking_onnx.MOST, "FP32", [-1, 1]),
    TensorSpec(ranking_onnx.EXCLUDE_SEEN, "FP32", [-1, 1]),
]


def outputs_of(model: RankingModel) -> tuple[list[TensorSpec], OutputMeaning]:
    most = min(model.most, len(model.items))
    tensors = [
        TensorSpec(ranking_onnx.RANKED, "BYTES", [-1, most]),
        TensorSpec(ranking_onnx.SCORES, "FP32", [-1, most]),
    ]
    ratings = ""
    if model.ratings is not None:
        ratings = ranking_onnx.RATINGS
        tensors.append(TensorSpec(ratings, "FP32", [-1, most]))
    meaning = OutputMeaning(
        "ranking", items_tensor=ranking_onnx.RANKED, scores_tensor=ranking_onnx.SCORES, ratings_tensor=ratings
    )
    return tensors, meaning


def columns_of(model: RankingModel, roles: Roles) -> list[ColumnSpec]:
    """What a row of a prediction may hold; everything may be left out."""
    own = {ranking_onnx.USER, ranking_onnx.HISTORY, ranking_onnx.ITEMS, ranking_onnx.MOST, ranking_onnx.EXCLUDE_SEEN}
    aliases = [roles.user] if roles.user not in own else []
    return [
        ColumnSpec(ranking_onnx.USER, "category", tensor=ranking_onnx.USER, aliases=aliases,
                   example=model.users[0] if model.users else None),
        ColumnSpec(ranking_onnx.HISTORY, "items", tensor=ranking_onnx.HISTORY, categories=model.items[:50]),
        ColumnSpec(ranking_onnx.ITEMS, "items", tensor=ranking_onnx.ITEMS, categories=model.items[:50]),
        ColumnSpec(ranking_onnx.MOST, "number", tensor=ranking_onnx.MOST, default=K_DEFAULT, example=K_DEFAULT,
                   minimum=1.0, maximum=float(min(model.most, len(model.items)))),
        ColumnSpec(ranking_onnx.EXCLUDE_SEEN, "boolean", tensor=ranking_onnx.EXCLUDE_SEEN, default=1.0, example=True),
    ]  # fmt: skip


def feed_of(
    model: RankingModel, users: np.ndarray, sent: list[np.ndarray], named: list[np.ndarray], most: float, hides: float
) -> dict[str, np.ndarray]:
    """The graph's inputs for N rows; items as places in the catalogue."""
    rows = len(users)
    return {
        ranking_onnx.USER: users.reshape(-1, 1),
        ranking_onnx.HISTORY: _padded([[model.items[i] for i in one] for one in sent]),
        ranking_onnx.ITEMS: _padded([[model.items[i] for i in one] for one in named]),
        ranking_onnx.MOST: np.full((rows, 1), most, np.float32),
        ranking_onnx.EXCLUDE_SEEN: np.full((rows, 1), hides, np.float32),
    }


def _padded(words: list[list[str]]) -> np.ndarray:
    width = max(1, *map(len, words))
    return np.array([one + [""] * (width - len(one)) for one in words], dtype=object).reshape(len(words), width)


def answers(
    model: RankingModel, users: np.ndarray, sent: list[np.ndarray], named: list[np.ndarray], most: float, hides: float
) -> Ranked:
    """What the graph should say, by numpy."""
    places = {name: place for place, name in enumerate(model.users)}
    at = np.array([places.get(str(name), len(model.users)) for name in users])
    known = [
        model.stored[model.starts[one] : model.starts[one + 1]] if one < len(model.users) else model.stored[:0]
        for one in at
    ]
    strengths = [
        model.strengths[model.starts[one] : model.starts[one + 1]]
        if one < len(model.users) and len(model.strengths)
        else np.ones(len(met), np.float32)
        for one, met in zip(at, known, strict=True)
    ]
    both = [np.concatenate([met, new]).astype(np.int64) for met, new in zip(known, sent, strict=True)]
    weights = [np.concatenate([own, np.ones(len(new), np.float32)]) for own, new in zip(strengths, sent, strict=True)]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in both])]).astype(np.int64)
    strength = np.concatenate(weights) if len(model.strengths) else model.strengths
    histories = Histories(starts, np.concatenate(both), strength)
    scores = blended(model, histories)
    if hides > 0.5:
        shown = scores.copy()
        hide_seen(shown, histories)
    else:
        shown = scores
    for row, wanted in enumerate(named):
        if len(wanted):
            shown[row] = -np.inf
            shown[row, wanted] = scores[row, wanted]
    width = min(model.most, len(model.items))
    order = ranking_metrics.best(shown, width)
    values = np.take_along_axis(shown, order, axis=1)
    live = np.isfinite(values) & (np.arange(width)[None] < most)
    words = np.where(live, np.array(model.items, dtype=object)[order], "")
    ratings = None
    if model.ratings is not None:
        ratings = np.where(live, np.take_along_axis(ratings_of(model, at), order, axis=1), 0.0)
    return Ranked(words, np.where(live, values, 0.0), ratings)
