"""Output tensors to predictions, as the manifest's meaning says."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from contracts.manifests import OutputMeaning
from workers.serve.problems import Refused


def predictions(outputs: dict[str, Any], meaning: OutputMeaning) -> list[Any]:
    """Return one entry per row: a dict for the answer, or Refused where the model has no finite answer."""
    if meaning.kind == "regression":
        values = _floats(outputs[meaning.value_tensor].reshape(-1))
        return [{"value": value} if value is not None else _not_finite() for value in values]
    if meaning.kind == "ranking":
        return _rankings(outputs[meaning.items_tensor], outputs[meaning.scores_tensor])
    if meaning.kind == "forecast":
        return _forecasts(outputs, meaning)
    if meaning.kind == "embedding":
        return [{"vector": vector} for vector in _floats(outputs[meaning.vector_tensor])]
    probabilities = outputs.get(meaning.probabilities_tensor)
    labels = _labels(outputs.get(meaning.label_tensor), probabilities, meaning.classes)
    if probabilities is None:
        return [{"label": label} for label in labels]
    classes = meaning.classes
    entries: list[Any] = []
    for label, row in zip(labels, _floats(probabilities), strict=True):
        entries.append({"label": label, "probabilities": dict(zip(classes, row, strict=True))})
    if not np.isfinite(probabilities).all():
        for place in np.flatnonzero(~np.isfinite(probabilities).all(axis=1)):
            entries[place] = _not_finite()
    return entries


def _rankings(items: Any, scores: Any) -> list[Any]:
    """Best first; the graph ends a list with an empty item."""
    return [
        {"items": [{"item": item, "score": score} for item, score in zip(names, values, strict=True) if item != ""]}
        for names, values in zip(items.tolist(), _floats(scores), strict=True)
    ]


def _forecasts(outputs: dict[str, Any], meaning: OutputMeaning) -> list[Any]:
    named = {"value": meaning.value_tensor, "lower": meaning.lower_tensor, "upper": meaning.upper_tensor}
    series = {name: _floats(outputs[tensor]) for name, tensor in named.items() if tensor}
    return [
        {
            "forecast": [
                {"step": step, **dict(zip(series, at, strict=True))}
                for step, at in enumerate(zip(*row, strict=True), 1)
            ]
        }
        for row in zip(*series.values(), strict=True)
    ]


def _floats(array: Any) -> Any:
    """Nested lists with the shortest decimals that give the same float32 back; NaN and infinities become None."""
    return orjson.loads(orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY))


def _labels(labels: Any, probabilities: Any, classes: list[str]) -> list[str]:
    if labels is None:
        return [classes[place] for place in probabilities.argmax(axis=1)]
    flat = labels.reshape(-1)
    if flat.dtype == object:
        return list(flat.tolist())
    return [classes[place] if classes else str(place) for place in flat.tolist()]


def _not_finite() -> Refused:
    return Refused("yours:row-invalid", "The model has no finite answer for a row; look for extreme values.")
