"""Output tensors to predictions in JSON, as the manifest's meaning says.

On the hot path, so the text is put together from what orjson makes of whole tensors: no Python object per number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from contracts.manifests import OutputMeaning
from workers.serve.problems import Refused

Prediction = bytes | Refused  # a JSON object, or why there is none for this row


class PredictionWriter:
    """Built once per model; `write` takes the output tensors of a run."""

    def __init__(self, meaning: OutputMeaning) -> None:
        self._meaning = meaning
        self._labels = {name: orjson.dumps(name) for name in meaning.classes}
        self._by_place = [orjson.dumps(name) for name in meaning.classes]
        names = [orjson.dumps(name).replace(b"%", b"%%") for name in meaning.classes]
        shares = b",".join(name + b":%b" for name in names)
        self._classified = b'{"label":%b,"probabilities":{' + shares + b"}}"
        self._write = {
            "regression": self._values,
            "ranking": self._rankings,
            "forecast": self._forecasts,
            "embedding": self._vectors,
        }.get(meaning.kind, self._classes)

    def write(self, outputs: dict[str, Any]) -> list[Prediction]:
        """Return one JSON object per row, or Refused where the model has no finite answer."""
        return self._write(outputs)

    def _values(self, outputs: dict[str, Any]) -> list[Prediction]:
        values = _cells(outputs[self._meaning.value_tensor].reshape(-1))
        return [b'{"value":%b}' % value if value != b"null" else _not_finite() for value in values]

    def _classes(self, outputs: dict[str, Any]) -> list[Prediction]:
        probabilities = outputs.get(self._meaning.probabilities_tensor)
        labels = self._label_texts(outputs.get(self._meaning.label_tensor), probabilities)
        if probabilities is None:
            return [b'{"label":%b}' % label for label in labels]
        template = self._classified
        rows = _rows(probabilities)
        entries: list[Prediction] = [
            template % (label, *row.split(b",")) for label, row in zip(labels, rows, strict=True)
        ]
        for place, row in enumerate(rows):
            if b"null" in row:
                entries[place] = _not_finite()
        return entries

    def _label_texts(self, labels: Any, probabilities: Any) -> list[bytes]:
        if labels is None:
            return [self._by_place[place] for place in probabilities.argmax(axis=1).tolist()]
        flat = labels.reshape(-1)
        known = self._labels
        if flat.dtype == object:
            return [known.get(label) or orjson.dumps(label) for label in flat.tolist()]
        return [self._by_place[place] if self._by_place else b'"%d"' % place for place in flat.tolist()]

    def _rankings(self, outputs: dict[str, Any]) -> list[Prediction]:
        """Best first; the graph ends a list with an empty item."""
        names = outputs[self._meaning.items_tensor].tolist()
        rows = [row.split(b",") for row in _rows(outputs[self._meaning.scores_tensor])]
        if self._meaning.ratings_tensor:
            ratings = (row.split(b",") for row in _rows(outputs[self._meaning.ratings_tensor]))
            pairs = zip(rows, ratings, strict=True)
            rows = [[b'%b,"rating":%b' % both for both in zip(*pair, strict=True)] for pair in pairs]
        return [
            b'{"items":['
            + b",".join(
                b'{"item":%b,"score":%b}' % (orjson.dumps(item), score)
                for item, score in zip(items, scores, strict=True)
                if item != ""
            )
            + b"]}"
            for items, scores in zip(names, rows, strict=True)
        ]

    def _forecasts(self, outputs: dict[str, Any]) -> list[Prediction]:
        meaning = self._meaning
        named = {"value": meaning.value_tensor, "lower": meaning.lower_tensor, "upper": meaning.upper_tensor}
        named = {name: tensor for name, tensor in named.items() if tensor}
        template = b'{"step":%d,' + b",".join(b'"%b":%%b' % name.encode() for name in named) + b"}"
        series = [[row.split(b",") for row in _rows(outputs[tensor])] for tensor in named.values()]
        entries: list[Prediction] = []
        for row in zip(*series, strict=True):
            # The graph leaves steps beyond the horizon asked for without a value, and all when it knows nothing.
            known = ((step, cells) for step, cells in enumerate(zip(*row, strict=True), 1) if cells[0] != b"null")
            steps = [template % (step, *cells) for step, cells in known]
            entries.append(b'{"forecast":[%b]}' % b",".join(steps) if steps else _nothing_to_start_from())
        return entries

    def _vectors(self, outputs: dict[str, Any]) -> list[Prediction]:
        return [b'{"vector":[%b]}' % row for row in _rows(outputs[self._meaning.vector_tensor])]


def _cells(values: Any) -> list[bytes]:
    """[N] numbers with the shortest decimals that give the same float32 back; NaN and infinities become null."""
    return orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def _rows(values: Any) -> list[bytes]:
    """The rows of [N, K] numbers, without their brackets."""
    return orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],[")


def _nothing_to_start_from() -> Refused:
    return Refused("yours:row-invalid", "The series is not known; send its latest values as `history`.")


def _not_finite() -> Refused:
    return Refused("yours:row-invalid", "The model has no finite answer for a row; look for extreme values.")
