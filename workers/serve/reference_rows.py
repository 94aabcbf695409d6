"""The typical rows that an explanation of a table starts from, made of what the manifest keeps of each column.

No row of the training data is stored. Each column keeps a few values that spread like its own (`typical`); they are
shuffled column by column, always in the same way; so the rows are nobody's.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np

from contracts.manifests import ColumnSpec, ModelManifest
from workers.serve.problems import Refused


def reference_rows(manifest: ModelManifest) -> list[dict[str, Any]]:
    """As many rows as columns keep values; one where they keep none. Raises Refused where nothing is known at all."""
    used = [column for column in manifest.columns if column.tensor]
    count = max((len(column.typical) for column in used), default=0) or 1
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    for column in used:
        for row, value in zip(rows, _spread(column, count), strict=True):
            row[column.name] = value
    return rows


def _spread(column: ColumnSpec, count: int) -> list[Any]:
    if column.typical:
        places = np.random.default_rng(crc32(column.name.encode())).permutation(count)
        return [column.typical[place % len(column.typical)] for place in places]
    return [_middle(column)] * count


def _middle(column: ColumnSpec) -> Any:
    """For models that keep no typical values: the value a form would start with."""
    if column.type == "text":
        return ""
    if column.example is not None:
        return column.example
    if column.minimum is not None and column.maximum is not None:
        return (column.minimum + column.maximum) / 2
    if column.categories:
        return column.categories[0]
    if column.required and column.default is None:
        detail = f"The model's package tells no typical value of `{column.name}`."
        raise Refused("yours:explanation-unsupported", f"{detail} Send rows to compare with as `background`.")
    return None
