"""An explanation as the playground shows it: bars for columns, marked words, heat over an image; and its price."""

from dataclasses import dataclass
from typing import Any

from contracts.explanations import (
    MOST_PARTS,
    USUAL_GRID,
    TooManyPlayers,
    rows_of_image,
    settle_size,
    usual_most_rows,
)
from contracts.manifests import ModelManifest

_KINDS = ("classification", "regression")
_LISTED_TYPES = ("items", "numbers")
_SHOWN_MOST = 20
_STRENGTHS = 4  # steps of a word's colour


@dataclass(frozen=True)
class Bar:
    name: str
    value: Any
    share: float
    error: float | None


@dataclass(frozen=True)
class Word:
    """A piece of the text; `strength` −4 to 4, 0 for what says nothing or stands between the words."""

    text: str
    share: float | None
    strength: int

    @property
    def mark(self) -> str:
        return f"{'for' if self.strength > 0 else 'against'}-{abs(self.strength)}"


@dataclass(frozen=True)
class Text:
    column: str
    words: list[Word]


@dataclass(frozen=True)
class Explained:
    """What a template reads; `raw` is the answer of the data plane about one row or image."""

    raw: dict[str, Any]
    bars: list[Bar]
    others: int
    others_share: float
    largest: float
    texts: list[Text]


def can_be_explained(manifest: ModelManifest) -> bool:
    has_lists = any(column.type in _LISTED_TYPES for column in manifest.columns)
    return manifest.meaning.kind in _KINDS and not has_lists


def most_rows_of(manifest: ModelManifest) -> int:
    """How many predictions one explanation costs at most, as the data plane will count them."""
    if manifest.codec:
        return rows_of_image(USUAL_GRID)
    used = [column for column in manifest.columns if column.tensor]
    if used and all(column.type == "text" for column in used):
        return settle_size(MOST_PARTS, 1, usual_most_rows(MOST_PARTS, 1)).rows
    backgrounds = max((len(column.typical) for column in used), default=0) or 1
    most = usual_most_rows(len(used), backgrounds)
    try:
        return settle_size(len(used), backgrounds, most).rows
    except TooManyPlayers:
        return most


def explained(raw: dict[str, Any], row: dict[str, Any]) -> Explained:
    """`row`: what was asked; words are cut from its texts."""
    columns = raw.get("columns") or []
    shown, others = columns[:_SHOWN_MOST], columns[_SHOWN_MOST:]
    bars = [Bar(one["column"], one["value"], one["attribution"], one["standard_error"]) for one in shown]
    words = raw.get("words") or []
    shares = [abs(one["attribution"]) for one in [*columns, *words]]
    largest = max(shares, default=0.0)
    return Explained(
        raw,
        bars,
        len(others),
        sum(one["attribution"] for one in others),
        largest,
        [
            Text(name, _marked(row[name], words, name, largest))
            for name in dict.fromkeys(one["column"] for one in words)
        ],
    )


def _marked(text: str, words: list[dict[str, Any]], column: str, largest: float) -> list[Word]:
    """The whole text in pieces, in its own order."""
    pieces: list[Word] = []
    at = 0
    for one in words:
        if one["column"] != column:
            continue
        end = one["start"] + len(one["text"])
        pieces.append(Word(text[at : one["start"]], None, 0))
        share = one["attribution"]
        strength = round(_STRENGTHS * share / largest) if largest else 0
        pieces.append(Word(text[one["start"] : end], share, strength))
        at = end
    pieces.append(Word(text[at:], None, 0))
    return [piece for piece in pieces if piece.text]
