"""Predicts chunks of rows with ONNX Runtime; a bad row fails alone."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime

from contracts.manifests import ColumnSpec, ModelManifest
from workers.batch.inputs import Piece
from workers.serve.images import decode_image
from workers.serve.list_codec import LIST_TYPE, codec_of
from workers.serve.problems import Refused
from workers.serve.series_codec import NUMBERS_TYPE

TEXTS_TOGETHER = 64


@dataclass(frozen=True)
class Answer:
    """What the result file says about one row."""

    piece: Piece
    problem: str = ""
    location: str = ""
    label: str = ""
    probabilities: tuple[float, ...] = ()
    value: float | None = None
    items: tuple[str, ...] = ()  # of a ranking, best first
    scores: tuple[float, ...] = ()
    steps: tuple[tuple[float, ...], ...] = ()  # of a forecast: value, lower and upper of each step ahead


class Predictor:
    def __init__(self, model: bytes, manifest: ModelManifest, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        providers = [one for one in ("CUDAExecutionProvider",) if one in onnxruntime.get_available_providers()]
        self._session = onnxruntime.InferenceSession(model, options, providers=[*providers, "CPUExecutionProvider"])
        self._meaning = manifest.meaning
        self._is_image = bool(manifest.codec)
        self._image_input = manifest.inputs[0].name
        self._columns = [column for column in manifest.columns if column.tensor]
        self._texts = [column for column in self._columns if column.type == "text"]
        self._codec = codec_of(manifest)

    def predict(self, pieces: list[Piece]) -> list[Answer]:
        """One answer per piece, in order."""
        answers = {p.number: Answer(p, p.problem) for p in pieces if p.problem}
        readable = [piece for piece in pieces if not piece.problem]
        for answer in self._images(readable) if self._is_image else self._alike(readable):
            answers[answer.piece.number] = answer
        return [answers[piece.number] for piece in pieces]

    def _alike(self, pieces: list[Piece]) -> list[Answer]:
        """Texts of about one length go together: a graph works on all of a batch as if each were the longest."""
        if not self._texts or len(pieces) <= TEXTS_TOGETHER:
            return self._rows(pieces)
        order = sorted(pieces, key=self._length)
        groups = [order[at : at + TEXTS_TOGETHER] for at in range(0, len(order), TEXTS_TOGETHER)]
        return [answer for group in groups for answer in self._rows(group)]

    def _length(self, piece: Piece) -> int:
        return sum(len(str(_given(piece.values, column) or "")) for column in self._texts)

    def _rows(self, pieces: list[Piece]) -> list[Answer]:
        """All rows at once; when one is bad, each by itself, so that the others do not suffer."""
        if not pieces:
            return []
        rows = [
            {column.name: _cell(_given(piece.values, column), column) for column in self._columns} for piece in pieces
        ]
        try:
            return self._run(pieces, self._codec.decode(rows))
        except Refused as refusal:
            if len(pieces) == 1:
                first = refusal.errors[0] if refusal.errors else {"location": "", "message": str(refusal)}
                location = first["location"].partition(".")[2]
                return [Answer(pieces[0], first["message"], location)]
        return [answer for piece in pieces for answer in self._rows([piece])]

    def _images(self, pieces: list[Piece]) -> list[Answer]:
        """Images of one size go together: a batch is one tensor."""
        answers: list[Answer] = []
        groups: dict[tuple[int, ...], list[tuple[Piece, Any]]] = {}
        for piece in pieces:
            try:
                pixels = decode_image(piece.values)
            except Refused as refusal:
                answers.append(Answer(piece, refusal.detail or str(refusal)))
                continue
            groups.setdefault(pixels.shape, []).append((piece, pixels))
        for members in groups.values():
            stack = np.concatenate([pixels for _, pixels in members])
            answers.extend(self._run([piece for piece, _ in members], {self._image_input: stack}))
        return answers

    def _run(self, pieces: list[Piece], feed: dict[str, Any]) -> list[Answer]:
        meaning = self._meaning
        if meaning.kind == "regression":
            (values,) = self._session.run([meaning.value_tensor], feed)
            return [Answer(piece, value=float(one)) for piece, one in zip(pieces, values.reshape(-1), strict=True)]
        if meaning.kind == "ranking":
            names, scores = self._session.run([meaning.items_tensor, meaning.scores_tensor], feed)
            ranked = zip(pieces, names.tolist(), scores.tolist(), strict=True)
            return [_ranked(piece, *row) for piece, *row in ranked]
        if meaning.kind == "forecast":
            tensors = [meaning.value_tensor, meaning.lower_tensor, meaning.upper_tensor]
            return [
                _forecast(piece, ends) for piece, *ends in zip(pieces, *self._session.run(tensors, feed), strict=True)
            ]
        labels, shares = self._session.run([meaning.label_tensor, meaning.probabilities_tensor], feed)
        return [
            Answer(piece, label=str(label), probabilities=tuple(float(one) for one in row))
            for piece, label, row in zip(pieces, labels, shares, strict=True)
        ]


def _ranked(piece: Piece, names: list[str], scores: list[float]) -> Answer:
    """The graph ends a list with an empty item."""
    many = sum(name != "" for name in names)
    return Answer(piece, items=tuple(names[:many]), scores=tuple(scores[:many]))


def _given(values: Any, column: ColumnSpec) -> Any:
    """The row's value under the column's own name, or under another that the model takes for it."""
    return next((values[name] for name in (column.name, *column.aliases) if values.get(name) is not None), None)


def _list(value: Any) -> Any:
    """A list as it is; in CSV a JSON list or names with | between them."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value  # the codec says what is wrong with it
    return [word.strip() for word in value.split("|") if word.strip()]


def _forecast(piece: Piece, ends: list[np.ndarray]) -> Answer:
    """Steps beyond the horizon asked for have no value; without any the series is not known."""
    steps = tuple(tuple(map(float, step)) for step in zip(*ends, strict=True) if np.isfinite(step[0]))
    problem = "" if steps else "the series is not known; give its latest values as history"
    return Answer(piece, problem, steps=steps)


def _numbers(text: str) -> Any:
    """A list as CSV can hold it: [1, 2, null], or numbers between spaces or semicolons."""
    try:
        given = json.loads(text if text.startswith("[") else f"[{','.join(text.replace(';', ' ').split())}]")
    except ValueError:
        return text  # the codec says what is wrong with it
    return given


def _cell(value: Any, column: ColumnSpec) -> Any:
    """A cell as the codec wants it: CSV knows only text, so an empty cell is missing and digits are numbers."""
    if column.type == LIST_TYPE:
        return _list(value)
    if column.type == NUMBERS_TYPE and isinstance(value, list):
        return value
    if not isinstance(value, str):
        return value if isinstance(value, bool | int | float) or value is None else str(value)
    if value == "":
        return None
    if column.type == NUMBERS_TYPE:
        return _numbers(value)
    if column.type != "number":
        return value.lower() if column.type == "boolean" and value.lower() in ("true", "false") else value
    try:
        return float(value)
    except ValueError:
        return value  # the codec says what is wrong with it
