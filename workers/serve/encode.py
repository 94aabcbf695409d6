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
