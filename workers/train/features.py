"""From raw columns to numbers: fitted on training rows, and the same float32 arithmetic as the exported graph."""

import dataclasses
import itertools

import numpy as np

from contracts.manifests import ColumnSpec
from workers.export.parts import Categories, DateParts, Features, Numbers, WordValue
from workers.train import typical
from workers.train.readers import Table

WORDS_MOST = 64  # categories per column with a feature of their own; rarer ones share "other"
REPEATED_LEAST = 3  # rows per different value of an id or text column, else it is left out
WORD_LEAST_COUNT = 3  # a word seen less often tells nothing reliable
KNOTS_MOST = 16  # piecewise-linear steps per number column: lets a linear model bend
KNOTS_TOTAL = 768  # over all number columns, so that wide tables stay affordable
SCALED_MOST = 6.0  # standard deviations; outliers beyond are cut


def usable(table: Table, specs: list[ColumnSpec]) -> tuple[list[ColumnSpec], dict[str, str]]:
    """Columns that can teach something, and why each other one is left out."""
    used, notes = [], {}
    for spec in specs:
        if spec.type not in ("number", "category", "boolean", "datetime", "id", "text"):
            notes[spec.name] = f"{spec.type} columns are not used by this recipe"
            continue
        values = table.columns[spec.name]
        if spec.type in ("id", "text") and len(np.unique(values)) * REPEATED_LEAST > len(values):
            notes[spec.name] = "nearly every row has its own text, so the texts say nothing about new rows"
            continue
        present = values[~np.isnan(values)] if spec.type in ("number", "datetime") else values
        if len(present) == 0 or bool((present == present[0]).all() and len(present) == len(values)):
            notes[spec.name] = "it holds the same value everywhere" if len(present) else "it is empty"
            continue
        used.append(spec)
    return used, notes


def fit_features(
    table: Table, specs: list[ColumnSpec], words: list[WordValue] | None = None, dates: list[DateParts] | None = None
) -> Features:
    """`words` and `dates` name the derived columns that the table holds already."""
    made = [one.name for one in words or []] + [name for one in dates or [] for name in one.names()]
    numbers = [spec.name for spec in specs if spec.type == "number"]
    texts = [spec.name for spec in specs if spec.type not in ("number", "datetime")]
    return Features(_fit_numbers(table, [*numbers, *made]), _fit_categories(table, texts), words or [], dates or [])


def _fit_numbers(table: Table, names: list[str]) -> Numbers:
    median, keeps_nan, center, inverse_scale = [], [], [], []
    knot_column: list[int] = []
    knot_low: list[float] = []
    knot_inverse: list[float] = []
    knots = min(KNOTS_MOST, KNOTS_TOTAL // max(1, len(names)))
    for index, name in enumerate(names):
        values = table.columns[name].astype(np.float64)
        finite = values[np.isfinite(values)]
        finite = finite if len(finite) else np.zeros(1)
        median.append(float(np.median(finite)))
        keeps_nan.append(bool(np.isnan(values).any()))
        center.append(float(finite.mean()))
        inverse_scale.append(1.0 / max(float(finite.std()), 1e-12))
        edges = (
            np.unique(np.quantile(finite, np.linspace(0, 1, knots + 1)).astype(np.float32))
            if knots > 1
            else np.zeros(0)
        )
        for low, high in itertools.pairwise(edges):
            knot_column.append(index)
            knot_low.append(float(low))
            knot_inverse.append(1.0 / float(high - low))

    def as_f32(values: list[float]) -> np.ndarray:
        return np.array(values, dtype=np.float32)

    return Numbers(
        names,
        as_f32(median),
        np.array(keeps_nan, dtype=bool),
        as_f32(center),
        as_f32(inverse_scale),
        np.array(knot_column, dtype=np.int64),
        as_f32(knot_low),
        as_f32(knot_inverse),
    )


def _fit_categories(table: Table, names: list[str]) -> Categories:
    words, other = [], []
    for name in names:
        found, counts = np.unique(table.columns[name].astype(str), return_counts=True)
        order = np.lexsort((found, -counts))  # most frequent first, ties by name: the same on every machine
        kept = [str(found[i]) for i in order if counts[i] >= WORD_LEAST_COUNT][:WORDS_MOST]
        words.append(kept)
        other.append(len(kept) if len(kept) < len(found) else -1)
    return Categories(names, words, other)


def _numbers(features: Features, table: Table) -> np.ndarray:
    names = features.numbers.names
    if not names:
        return np.zeros((table.rows, 0), dtype=np.float32)
    return np.stack([table.columns[name] for name in names], axis=1)  # [N, F] float32


def _one_hot(features: Features, table: Table) -> np.ndarray:
    parts = [np.zeros((table.rows, 0), dtype=np.float32)]
    kinds = features.categories
    for name, words, other, width in zip(kinds.names, kinds.words, kinds.other, kinds.widths(), strict=True):
        code_of = {word: code for code, word in enumerate(words)}
        codes = np.array([code_of.get(word, other) for word in table.columns[name]], dtype=np.int64)
        parts.append((codes[:, None] == np.arange(width)[None, :]).astype(np.float32))
    return np.concatenate(parts, axis=1)


def dense(features: Features, table: Table) -> np.ndarray:
    """[N, D] float32 for linear models and networks: scaled numbers, piecewise-linear steps, missing flags, one-hot."""
    n = features.numbers
    x = _numbers(features, table)
    missing = np.isnan(x)
    x = np.where(missing, n.median, x)
    scaled = np.clip((x - n.center) * n.inverse_scale, -SCALED_MOST, SCALED_MOST)
    steps = np.clip((x[:, n.knot_column] - n.knot_low) * n.knot_inverse_width, 0.0, 1.0)
    flags = missing[:, n.keeps_nan].astype(np.float32)
    return np.concatenate([scaled, steps, flags, _one_hot(features, table)], axis=1).astype(np.float32)


def for_trees(features: Features, table: Table) -> np.ndarray:
    """[N, F] float64 holding float32 values: numbers (NaN only where training saw NaN), then one-hot."""
    n = features.numbers
    x = _numbers(features, table)
    x = np.where(np.isnan(x) & ~n.keeps_nan, n.median, x)
    return np.concatenate([x, _one_hot(features, table)], axis=1).astype(np.float64)


def describe(spec: ColumnSpec, values: np.ndarray, tensor: str) -> ColumnSpec:
    """The column as the manifest shows it: what control knew, completed by what training saw."""
    known = typical.values_of(spec, values) if tensor else []
    return dataclasses.replace(_described(spec, values), tensor=tensor, typical=known)


def _described(spec: ColumnSpec, values: np.ndarray) -> ColumnSpec:
    if spec.type == "number":
        present = values[np.isfinite(values)].astype(float)
        seen = (float(present.min()), float(present.max())) if len(present) else (None, None)
        share = 1.0 - len(present) / max(1, len(values))
        example = spec.example if spec.example is not None or not len(present) else float(np.median(present))
        low = spec.minimum if spec.minimum is not None else seen[0]
        high = spec.maximum if spec.maximum is not None else seen[1]
        return dataclasses.replace(spec, minimum=low, maximum=high, missing_share=round(share, 6), example=example)
    if spec.type == "datetime":
        known = values[np.isfinite(values)]
        example = str(np.datetime64(int(np.median(known)), "s")) if len(known) else None
        return dataclasses.replace(
            spec, missing_share=round(1.0 - len(known) / max(1, len(values)), 6), example=spec.example or example
        )
    found, counts = np.unique(values.astype(str), return_counts=True)
    order = [i for i in np.lexsort((found, -counts)) if found[i] != ""][:50]
    share = float((values == "").mean())
    words = spec.categories or ([str(found[i]) for i in order] if spec.type in ("category", "boolean") else [])
    example = spec.example if spec.example is not None or not order else str(found[order[0]])
    return dataclasses.replace(spec, categories=words, missing_share=round(share, 6), example=example)
