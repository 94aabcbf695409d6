"""Reads a request for an explanation as far as its price: what is asked, and how many rows the model has to run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from contracts.explanations import (
    LEAST_GRID,
    LEAST_ROWS,
    MOST_GRID,
    MOST_ROWS,
    USUAL_GRID,
    Size,
    TooManyPlayers,
    rows_of_image,
    settle_size,
    usual_most_rows,
)
from contracts.manifests import ModelManifest
from workers.serve.call import EXPLANATION, Call
from workers.serve.codecs import TableCodec
from workers.serve.problems import Refused, field_error
from workers.serve.reference_rows import reference_rows
from workers.serve.weigh import image_type, read_json, refuse_repeated_names, text_row
from workers.serve.words import Part, parts_of

if TYPE_CHECKING:
    from workers.serve.sessions import Model

MOST_EXPLAINED = 10  # rows of one request
MOST_BACKGROUNDS = 32
_WHOLE = {"seed": (0, 2**31 - 1), "most_rows": (LEAST_ROWS, MOST_ROWS), "grid": (LEAST_GRID, MOST_GRID)}
_KINDS = ("classification", "regression")


@dataclass
class Ask:
    """`games` has the size of each row's game; images have none but a grid."""

    label: str = ""  # whose probability is explained; empty: the label that is answered
    seed: int = 0
    most_rows: int = 0  # 0: as many as the columns need
    grid: int = USUAL_GRID
    rows: list[dict[str, Any]] = field(default_factory=list)
    background: list[dict[str, Any]] = field(default_factory=list)
    background_is_given: bool = False
    parts: list[list[Part]] = field(default_factory=list)  # of each text, in the order of the rows
    games: list[Size] = field(default_factory=list)


def weigh_explanation(call: Call, model: Model, max_rows: int, smallest_burst: int) -> None:
    """Set kind, units and what is asked. `smallest_burst`: rows that fit a rate limit at once, 0 without one.

    Raises Refused.
    """
    manifest = model.manifest
    if manifest.meaning.kind not in _KINDS or not (model.is_image or isinstance(model.table, TableCodec)):
        raise Refused("yours:explanation-unsupported", f"This one answers with a {manifest.meaning.kind}.")
    if call.headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refused("yours:unsupported-media", "Compressed request bodies are not accepted here.")
    if model.is_image:
        image_type(call)
        ask = _options(_query(call), Ask(), manifest)
        units = rows_of_image(ask.grid)
    else:
        ask = _read(call, manifest)
        most = min(max_rows, smallest_burst or max_rows)
        _settle(ask, manifest, most)
        units = sum(game.rows for game in ask.games)
        if units > max_rows:
            raise Refused("yours:too-large", f"That takes {units} runs of the model; at most {max_rows} are taken.")
    call.kind, call.units, call.asked = EXPLANATION, units, ask


def is_of_words(manifest: ModelManifest) -> bool:
    """The model reads texts and nothing else, so words are what pushes the answer."""
    used = [column for column in manifest.columns if column.tensor]
    return bool(used) and all(column.type == "text" for column in used)


def _read(call: Call, manifest: ModelManifest) -> Ask:
    header = call.headers.get(b"content-type", b"")
    content_type = header.partition(b";")[0].strip().lower()
    if content_type == b"text/plain":
        return _options(_query(call), Ask(rows=[text_row(call.take_body(), header, manifest)]), manifest)
    if content_type != b"application/json":
        raise Refused("yours:unsupported-media", "This endpoint takes application/json.")
    body = call.take_body()
    document = read_json(body)
    if not isinstance(document, dict):
        raise _invalid("body", "must be an object")
    refuse_repeated_names(body)
    ask = Ask(rows=_rows(document, "rows", MOST_EXPLAINED))
    if "background" in document:
        ask.background, ask.background_is_given = _rows(document, "background", MOST_BACKGROUNDS), True
    rest = {name: value for name, value in document.items() if name not in ("rows", "background")}
    return _options(rest, ask, manifest)


def _query(call: Call) -> dict[str, Any]:
    """The options of a body that has no room for them. Other names may decide between deployments."""
    pairs = parse_qsl(call.path.partition(b"?")[2].decode("latin-1"), keep_blank_values=True)
    given = {name: value for name, value in pairs if name == "label" or name in _WHOLE}
    return {name: int(value) if name in _WHOLE and value.isdecimal() else value for name, value in given.items()}


def _rows(document: dict[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    rows = document.get(name)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise _invalid(name, "must be a list of objects, at least one")
    if len(rows) > most:
        raise Refused("yours:too-large", f"{len(rows)} {name}; at most {most} are taken at once.")
    return rows


def _options(given: dict[str, Any], ask: Ask, manifest: ModelManifest) -> Ask:
    for name, value in given.items():
        if name == "label":
            known = manifest.meaning.classes
            if value not in known:
                raise _invalid(name, f"must be one of the model's classes: {', '.join(known[:20]) or 'it has none'}")
            ask.label = value
        elif name in _WHOLE:
            least, most = _WHOLE[name]
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise _invalid(name, f"must be a whole number from {least} to {most}")
            setattr(ask, name, value)
        else:
            raise _invalid(name[:100], "is not known here")
    return ask


def _settle(ask: Ask, manifest: ModelManifest, most: int) -> None:
    """The size of each row's game, and where the comparison starts."""
    columns = [column for column in manifest.columns if column.tensor]
    if is_of_words(manifest):
        ask.parts = [parts_of(row, columns) for row in ask.rows]
        players, backgrounds = [len(parts) for parts in ask.parts], 1
    else:
        if not ask.background:
            ask.background = reference_rows(manifest)
        players, backgrounds = [len(columns)] * len(ask.rows), len(ask.background)
    for count in players:
        wished = ask.most_rows or usual_most_rows(count, backgrounds)
        bound = min(wished, most // len(players))
        try:
            ask.games.append(settle_size(count, backgrounds, bound))
        except TooManyPlayers as error:
            detail = f"{count} columns need {error.least_rows} runs of the model for a row; {bound} are allowed here."
            raise Refused("yours:too-large", detail) from None


def _invalid(location: str, message: str) -> Refused:
    fix = 'Send {"rows": [{"column": value, …}], "label"?, "background"?, "most_rows"?, "seed"?}.'
    return Refused("yours:invalid", errors=[field_error(location, message, fix)])
