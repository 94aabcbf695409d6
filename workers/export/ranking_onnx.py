"""A recommender as one ONNX graph: who it is and what was met in, the best items and their scores out.

Steps: 1. words to numbers 2. what the user met: stored, then sent 3. scores of each family, standardised, weighted,
added; popularity where nothing is known 4. what was met, or was not asked for, is hidden 5. the best K.
A row's answer never depends on the rows beside it, however they are padded.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from workers.export.graph import Graph
from workers.export.ranking_parts import Constant, Matrix, Neighbours, RankingMember, RankingModel, Towers

USER, HISTORY, ITEMS, MOST, EXCLUDE_SEEN = "user", "history", "items", "k", "exclude_seen"
RANKED, SCORES, RATINGS = "ranked", "scores", "ratings"
HIDDEN = -1e9
LEAST_SPREAD = 1e-6  # the same as workers/train/ranking_scores.py; parity fails when the two drift apart


@dataclass(frozen=True)
class Met:
    """What was met, as names of tensors: stored events stand right-aligned, then those that were sent."""

    place: str  # int64 [N, S]; the number of items where there is nothing
    valid: str  # float [N, S]
    age: str  # float [N, S]: known items after it
    strength: str  # float [N, S]; "": all 1
    stored_width: str  # int64 [1]: how many of the S are stored
    blank: str  # float [N, I + 1] zeros
    user: str  # int64 [N, 1]; the number of users for an unknown one


def to_onnx(model: RankingModel) -> onnx.ModelProto:
    graph = Graph()
    for name in (USER, HISTORY, ITEMS):
        graph.input(name, TensorProto.STRING, ["N", {USER: 1, HISTORY: "H", ITEMS: "C"}[name]])
    graph.input(MOST, TensorProto.FLOAT, ["N", 1])
    graph.input(EXCLUDE_SEEN, TensorProto.FLOAT, ["N", 1])
    met = _met(graph, model)
    blended = _blend(graph, model, met)
    allowed = _allowed(graph, model, met)
    visible = graph.add("Where", allowed, blended, graph.constant(np.float32(HIDDEN)))
    _best(graph, model, met, visible)
    return graph.finish(
        "Who (user) and what was met (history, oldest first, padded with empty strings) in; the best items out, an "
        "empty item ends the list. items: rank only these. k: how many. exclude_seen: 0 shows what was met, too."
    )


def _number(graph: Graph, words: str, keys: list[str], values: list[int], default: int) -> str:
    return graph.add(
        "LabelEncoder",
        words,
        domain="ai.onnx.ml",
        keys_strings=keys or [""],
        values_int64s=values if keys else [default],
        default_int64=default,
    )


def _whole(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def _float(graph: Graph, value: str) -> str:
    return graph.add("Cast", value, to=TensorProto.FLOAT)


def _met(graph: Graph, model: RankingModel) -> Met:
    items = len(model.items)
    user = _number(graph, USER, model.users, list(range(len(model.users))), len(model.users))
    sent = _number(graph, HISTORY, model.items, list(range(items)), items)
    lengths = np.append(np.diff(model.starts), 0).astype(np.int64)
    length = graph.add("Gather", graph.constant(lengths), user)  # [N, 1]
    longest = graph.add("ReduceMax", length, keepdims=0)
    zero, one = graph.constant(np.array(0, np.int64)), graph.constant(np.array(1, np.int64))
    places = graph.add("Range", zero, longest, one)  # [L]
    skipped = graph.add("Sub", longest, length)  # right-aligned: so many empty places come first
    is_there = graph.add("GreaterOrEqual", places, skipped)  # [N, L]
    first = graph.add("Gather", graph.constant(np.append(model.starts[:-1], 0).astype(np.int64)), user)
    at = graph.add("Add", graph.add("Sub", places, skipped), first)
    at = graph.add("Where", is_there, at, zero)
    stored = np.append(model.stored, items).astype(np.int32)  # never empty: Gather needs a place 0
    kept = graph.add("Cast", graph.add("Gather", graph.constant(stored), at), to=TensorProto.INT64)
    nothing = graph.constant(np.array(items, np.int64))
    place = graph.add("Concat", graph.add("Where", is_there, kept, nothing), sent, axis=1)
    valid = _float(graph, graph.add("Less", place, nothing))
    age = graph.add("CumSum", valid, graph.constant(np.array(1, np.int64)), exclusive=1, reverse=1)
    strength = ""
    if len(model.strengths) and any(member.uses_strength for member in model.members):
        own = graph.add("Gather", graph.constant(np.append(model.strengths, 1).astype(np.float32)), at)
        alike = graph.add("Add", graph.add("Mul", _float(graph, sent), graph.constant(np.float32(0))),
                          graph.constant(np.float32(1)))  # fmt: skip
        strength = graph.add("Concat", own, alike, axis=1)
    rows = graph.add("Shape", USER, start=0, end=1)
    shape = graph.add("Concat", rows, graph.constant(_whole(items + 1)), axis=0)
    blank = graph.add("ConstantOfShape", shape, value=onnx.numpy_helper.from_array(np.zeros(1, np.float32)))
    width = graph.add("Reshape", longest, graph.constant(_whole(1)))
    return Met(place, valid, age, strength, width, blank, user)


def _weights(graph: Graph, met: Met, member: RankingMember) -> tuple[str, str]:
    """(weight of each event [N, S], the heavier of repeats per item [N, I + 1])."""
    weight = met.valid
    if member.decay < 1:
        fading = graph.add("Pow", graph.constant(np.float32(member.decay)), met.age)
        weight = graph.add("Mul", weight, fading)
    if member.uses_strength and met.strength:
        weight = graph.add("Mul", weight, met.strength)
    if member.reach:
        is_recent = graph.add("Less", met.age, graph.constant(np.float32(member.reach)))
        weight = graph.add("Mul", weight, _float(graph, is_recent))
    return weight, graph.add("ScatterElements", met.blank, met.place, weight, axis=1, reduction="max")


def _without_last(graph: Graph, wide: str, items: int) -> str:
    start, end, axis = (graph.constant(_whole(one)) for one in (0, items, 1))
    return graph.add("Slice", wide, start, end, axis)


def _blend(graph: Graph, model: RankingModel, met: Met) -> str:
    """[N, I]"""
    items = len(model.items)
    shared: dict[tuple[float, bool, int], tuple[str, str]] = {}
    answers = []
    for member in model.members:
        if isinstance(member.part, Constant):
            scores = graph.constant(_standardised(member.part.scores))
        else:
            key = (member.decay, member.uses_strength, member.reach)
            if key not in shared:
                shared[key] = _weights(graph, met, member)
            scores = _standardise(graph, _scores(graph, member, met, *shared[key], items))
        answers.append(graph.add("Mul", scores, graph.constant(np.float32(member.weight))))
    blended = answers[0]
    for answer in answers[1:]:
        blended = graph.add("Add", blended, answer)
    known = graph.add("ReduceSum", met.valid, graph.constant(_whole(1)), keepdims=1)
    is_known = graph.add("Greater", known, graph.constant(np.float32(0)))
    return graph.add("Where", is_known, blended, graph.constant(_standardised(model.popularity)))


def _scores(graph: Graph, member: RankingMember, met: Met, weight: str, wide: str, items: int) -> str:
    part = member.part
    if isinstance(part, Neighbours):
        return _neighbours(graph, part, member.reach, met, weight, wide, items)
    known = _without_last(graph, wide, items)
    if isinstance(part, Matrix):
        return graph.add("MatMul", known, graph.constant(part.values))
    assert isinstance(part, Towers)
    axis = graph.constant(_whole(1))
    length = graph.add("Sqrt", graph.add("ReduceSum", graph.add("Mul", known, known), axis, keepdims=1))
    length = graph.add("Add", length, graph.constant(np.float32(LEAST_SPREAD)))
    vector = graph.add("Div", graph.add("MatMul", known, graph.constant(part.embed)), length)
    step = graph.add("Add", graph.add("MatMul", vector, graph.constant(part.weight)), graph.constant(part.offset))
    hidden = graph.add("Add", vector, graph.add("Tanh", step))
    return graph.add("Add", graph.add("MatMul", hidden, graph.constant(part.out)), graph.constant(part.bias))


def _neighbours(graph: Graph, part: Neighbours, reach: int, met: Met, weight: str, wide: str, items: int) -> str:
    """Only the last `reach` stored places and what was sent can count: the others are cut off before looking up."""
    axis = graph.constant(_whole(1))
    start = graph.add("Max", graph.add("Sub", met.stored_width, graph.constant(_whole(reach))),
                      graph.constant(_whole(0)))  # fmt: skip
    end = graph.constant(_whole(np.iinfo(np.int64).max))
    place, weight = (graph.add("Slice", one, start, end, axis) for one in (met.place, weight))
    counts = _float(graph, graph.add("Greater", weight, graph.constant(np.float32(0))))
    times = graph.add("ScatterElements", met.blank, place, counts, axis=1, reduction="add")
    heaviest = graph.add("GatherElements", wide, place, axis=1)
    repeats = graph.add("Max", graph.add("GatherElements", times, place, axis=1), graph.constant(np.float32(1)))
    share = graph.add("Mul", graph.add("Div", heaviest, repeats), counts)  # repeats share the heaviest weight
    wide_share = graph.add("Unsqueeze", share, graph.constant(_whole(2)))
    flat = graph.constant(_whole(0, -1))
    values = graph.add("Mul", graph.add("Gather", graph.constant(part.values), place), wide_share)  # [N, S, T]
    columns = graph.add("Gather", graph.constant(part.items), place)
    scattered = graph.add(
        "ScatterElements",
        met.blank,
        graph.add("Reshape", columns, flat),
        graph.add("Reshape", values, flat),
        axis=1,
        reduction="add",
    )
    return _without_last(graph, scattered, items)


def _standardised(scores: np.ndarray) -> np.ndarray:
    centred = scores.astype(np.float64) - scores.mean(dtype=np.float64)
    return (centred / (np.sqrt((centred**2).mean()) + LEAST_SPREAD)).astype(np.float32)[None]


def _standardise(graph: Graph, scores: str) -> str:
    centred = graph.add("Sub", scores, graph.add("ReduceMean", scores, graph.constant(_whole(1)), keepdims=1))
    square = graph.add("ReduceMean", graph.add("Mul", centred, centred), graph.constant(_whole(1)), keepdims=1)
    spread = graph.add("Add", graph.add("Sqrt", square), graph.constant(np.float32(LEAST_SPREAD)))
    return graph.add("Div", centred, spread)


def _allowed(graph: Graph, model: RankingModel, met: Met) -> str:
    """bool [N, I]: asked for by name, or, where nothing was named, not met before (unless that is wanted)."""
    items = len(model.items)
    seen = graph.add("ScatterElements", met.blank, met.place, met.valid, axis=1, reduction="max")
    half = graph.constant(np.float32(0.5))
    hides = _float(graph, graph.add("Greater", EXCLUDE_SEEN, half))
    is_free = graph.add("Less", graph.add("Mul", seen, hides), half)
    asked = _number(graph, ITEMS, [*model.items, ""], list(range(items + 1)), items + 1)
    empty = graph.constant(np.array(items, np.int64))
    named = _float(graph, graph.add("Not", graph.add("Equal", asked, empty)))
    any_named = graph.add(
        "Greater", graph.add("ReduceSum", named, graph.constant(_whole(1)), keepdims=1), graph.constant(np.float32(0))
    )
    place = graph.add("Min", asked, empty)
    is_asked = graph.add("ScatterElements", met.blank, place, named, axis=1, reduction="max")
    is_asked = graph.add("Greater", is_asked, half)
    # ONNX Runtime has no Where for truth values.
    free = graph.add("And", graph.add("Not", any_named), is_free)
    return _without_last(graph, graph.add("Or", free, graph.add("And", any_named, is_asked)), items)


def _best(graph: Graph, model: RankingModel, met: Met, visible: str) -> None:
    most = min(model.most, len(model.items))
    values, places = graph.name("values"), graph.name("places")
    graph.nodes.append(
        onnx.helper.make_node(
            "TopK", [visible, graph.constant(_whole(most))], [values, places], axis=1, name=graph.name("node")
        )
    )
    rank = graph.constant(np.arange(most, dtype=np.float32)[None])
    is_wanted = graph.add("And", graph.add("Less", rank, MOST), graph.add("Greater", values, _hidden(graph)))
    names = graph.add("Gather", graph.strings(model.items), places)
    graph.add("Where", is_wanted, names, graph.strings([""]), output=RANKED)
    nothing = graph.constant(np.float32(0))
    graph.add("Where", is_wanted, values, nothing, output=SCORES)
    graph.output(RANKED, TensorProto.STRING, ["N", most])
    graph.output(SCORES, TensorProto.FLOAT, ["N", most])
    if model.ratings is None:
        return
    rated = graph.add("Where", is_wanted, _ratings(graph, model, met.user, places), nothing, output=RATINGS)
    graph.output(rated, TensorProto.FLOAT, ["N", most])


def _hidden(graph: Graph) -> str:
    return graph.constant(np.float32(HIDDEN / 2))


def _ratings(graph: Graph, model: RankingModel, user: str, places: str) -> str:
    """[N, K] on the scale of the ratings."""
    r = model.ratings
    assert r is not None
    base = graph.constant((r.user + np.float32(r.mean)).astype(np.float32))
    bias = graph.add("Add", graph.add("Gather", base, user), graph.add("Gather", graph.constant(r.item), places))
    taste = graph.add("Gather", graph.constant(r.user_vectors), user)  # [N, 1, R]
    nature = graph.add("Gather", graph.constant(r.item_vectors), places)  # [N, K, R]
    agreement = graph.add("ReduceSum", graph.add("Mul", taste, nature), graph.constant(_whole(2)), keepdims=0)
    low, high = graph.constant(np.float32(r.lowest)), graph.constant(np.float32(r.highest))
    return graph.add("Clip", graph.add("Add", bias, agreement), low, high)
