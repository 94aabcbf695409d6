"""Why a model answers so: shares of columns or words, or a map of an image, from runs of the exported graph alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from workers.serve.batching import BATCH_MS
from workers.serve.explain_ask import Ask, is_of_words
from workers.serve.occlusion import Hidings, hidings_of, small_enough
from workers.serve.problems import Refused
from workers.serve.shapley import Game, Shares, play, share_out
from workers.serve.words import without

if TYPE_CHECKING:
    from workers.serve.sessions import Model

MOST_CHUNK_ROWS = 256
MOST_CHUNK_BYTES = 64 * 1024 * 1024
Check = Callable[[], None]  # raises Refused where nobody waits for the answer any more


@dataclass(frozen=True)
class Answers:
    """What the model said to each coalition: the number that is explained, and the first answer whole."""

    each: Any  # float64 [rows]
    quantity: str
    label: str | None
    prediction: bytes

    def told(self, method: str, baseline: float) -> dict[str, Any]:
        about = {"prediction": orjson.Fragment(self.prediction), "quantity": self.quantity}
        if self.label is not None:
            about["label"] = self.label
        return about | {"method": method, "answer": float(self.each[0]), "baseline": baseline, "rows": len(self.each)}


def explain_rows(model: Model, ask: Ask, check: Check) -> list[bytes]:
    """One JSON object per row. Raises Refused."""
    table = model.table
    if table is None:
        raise TypeError("rows are explained by a model that takes rows")
    questions = table.decode(ask.rows)
    if is_of_words(model.manifest):
        return [_words(model, ask, place, check) for place in range(len(ask.rows))]
    try:
        background = table.decode(ask.background)
    except Refused as refusal:
        raise _of_background(refusal) from None
    return [_columns(model, ask, place, _row(questions, place), background, check) for place in range(len(ask.rows))]


def explain_image(model: Model, ask: Ask, pixels: Any, check: Check) -> list[bytes]:
    """`pixels`: uint8 [1, H, W, 3]. Raises Refused."""
    picture = small_enough(pixels[0])
    hidings = hidings_of(picture, ask.grid)
    name = model.manifest.inputs[0].name
    answers = _ask(
        model, ask, lambda start, end: {name: hidings.images(start, end)}, len(hidings), picture.nbytes, check
    )
    document = answers.told("occlusion", float(answers.each[-1]))
    document |= {"heat": hidings.heat(answers.each).tolist(), "image": _size(hidings)}
    return [orjson.dumps(document)]


def _size(hidings: Hidings) -> dict[str, int]:
    height, width = hidings.picture.shape[:2]
    return {"width": width, "height": height}


def _columns(
    model: Model, ask: Ask, place: int, question: dict[str, Any], background: dict[str, Any], check: Check
) -> bytes:
    game = play(ask.games[place], ask.seed)
    columns = [column for column in model.manifest.columns if column.tensor]
    players = {name: [at for at, one in enumerate(columns) if one.tensor == name] for name in question}
    feed = {
        name: np.where(game.members[:, players[name]], values, background[name][game.background])
        for name, values in question.items()
    }
    answers = _ask(model, ask, lambda start, end: _cut(feed, start, end), game.size.rows, 0, check)
    shares = share_out(game, answers.each)
    entries = [
        {"column": column.name, "value": ask.rows[place].get(column.name), **_share(shares, at)}
        for at, column in enumerate(columns)
    ]
    entries.sort(key=lambda entry: -abs(entry["attribution"]))
    source = "given" if ask.background_is_given else "typical"
    about = {"columns": entries, "background": {"rows": game.size.backgrounds, "source": source}}
    return _told(answers, game, shares, about)


def _words(model: Model, ask: Ask, place: int, check: Check) -> bytes:
    game, parts, row = play(ask.games[place], ask.seed), ask.parts[place], ask.rows[place]
    table = model.table
    if table is None:
        raise TypeError("texts are explained by a model that takes rows")

    def feed(start: int, end: int) -> dict[str, Any]:
        return table.decode([without(row, parts, kept) for kept in game.members[start:end]])

    answers = _ask(model, ask, feed, game.size.rows, 0, check)
    shares = share_out(game, answers.each)
    entries = [
        {
            "column": part.column,
            "text": row[part.column][part.start : part.end].rstrip(),
            "start": part.start,
            "end": part.end,
            **_share(shares, at),
        }
        for at, part in enumerate(parts)
    ]
    return _told(answers, game, shares, {"words": entries, "background": {"rows": 1, "source": "empty text"}})


def _share(shares: Shares, at: int) -> dict[str, Any]:
    error = None if shares.error is None else float(shares.error[at])
    return {"attribution": float(shares.each[at]), "standard_error": error}


def _told(answers: Answers, game: Game, shares: Shares, about: dict[str, Any]) -> bytes:
    document = answers.told("shapley", shares.baseline) | {"is_exact": game.size.is_exact} | about
    document["unexplained"] = shares.answer - shares.baseline - float(shares.each.sum())
    return orjson.dumps(document)


def _ask(
    model: Model, ask: Ask, feed: Callable[[int, int], dict[str, Any]], rows: int, row_bytes: int, check: Check
) -> Answers:
    """Run all coalitions in chunks that hold nothing up for long. `feed(start, end)` makes those of a chunk."""
    cost = model.cost
    chunk = min(MOST_CHUNK_ROWS, cost.rows_within(BATCH_MS), cost.best_rows or MOST_CHUNK_ROWS)
    if row_bytes:
        chunk = max(1, min(chunk, MOST_CHUNK_BYTES // row_bytes))
    meaning = model.manifest.meaning
    wanted = [meaning.value_tensor, meaning.probabilities_tensor, meaning.label_tensor]
    kept: dict[str, list[Any]] = {name: [] for name in wanted if name}
    prediction: Any = b""
    for start in range(0, rows, chunk):
        check()
        outputs = model.run(feed(start, min(rows, start + chunk)))
        if start == 0:
            prediction = model.writer.write(_cut(outputs, 0, 1))[0]
            if isinstance(prediction, Refused):
                raise prediction
        for name, values in kept.items():
            values.append(outputs[name])
    return _read(model, ask, {name: np.concatenate(values) for name, values in kept.items()}, prediction)


def _read(model: Model, ask: Ask, outputs: dict[str, Any], prediction: bytes) -> Answers:
    """The number that is explained, for every coalition. Raises Refused where the model has none."""
    meaning = model.manifest.meaning
    if meaning.kind == "regression":
        each, quantity, label = outputs[meaning.value_tensor].reshape(-1), "value", None
    else:
        label = ask.label or str(orjson.loads(prediction)["label"])
        quantity = "probability"
        if meaning.probabilities_tensor and label in meaning.classes:
            each = outputs[meaning.probabilities_tensor][:, meaning.classes.index(label)]
        else:  # the model only names its answer
            each = outputs[meaning.label_tensor].reshape(-1) == label
    each = each.astype(np.float64)
    if not np.isfinite(each).all():
        detail = "The model has no finite answer for a row mixed from this one and the background."
        raise Refused("yours:row-invalid", detail)
    return Answers(each, quantity, label, prediction)


def _row(feed: dict[str, Any], place: int) -> dict[str, Any]:
    return _cut(feed, place, place + 1)


def _cut(tensors: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    return {name: values[start:end] for name, values in tensors.items()}


def _of_background(refusal: Refused) -> Refused:
    """The same refusal, about the rows to compare with."""
    errors = [one | {"location": f"background{str(one['location']).removeprefix('rows')}"} for one in refusal.errors]
    return Refused(refusal.code, "A row to compare with does not fit.", errors=errors)
