"""Puts together what one column looks like: the dictionary that pages, forms and workers read."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apps.datasets.checking.cleaning import cell
from apps.datasets.checking.column_types import ColumnPlan
from apps.datasets.checking.evidence import TextEvidence, TypedEvidence
from apps.datasets.checking.statistics import Survey

_CATEGORIES = 50
_TOP = 20
_BINS = 20
_WIDE = 500  # tables with more columns get leaner profiles
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def describe(plan: ColumnPlan, found: TextEvidence | TypedEvidence, survey: Survey) -> dict[str, Any]:
    """Return the column's entry of `DatasetVersion.columns`."""
    facts = survey.ranges[plan.name]
    unique = found.distinct.number()
    entry: dict[str, Any] = {
        "name": plan.name,
        "type": plan.type,
        "storage": plan.storage,
        "missing": facts.missing,
        "missing_share": round(facts.missing / max(1, survey.rows), 6),
        "unique": unique,
        "unique_is_exact": found.distinct.is_exact,
        "is_constant": unique <= 1,
        "evidence": plan.evidence,
        "is_overridden": plan.is_overridden,
        "example": None,
        "minimum": None,
        "maximum": None,
        "mean": None,
        "categories": [],
        "top": [],
        "histogram": None,
    }
    values = survey.sample.column(plan.name).combine_chunks().drop_null()
    entry["example"] = cell(values[0].as_py()) if len(values) else None
    is_lean = len(survey.ranges) > _WIDE
    if plan.type in ("number", "datetime") and plan.storage != "string" and facts.present:
        entry.update(_number_facts(plan, survey, values, is_lean))
    if plan.type in ("category", "boolean"):
        entry.update(_word_facts(plan, found, 5 if is_lean else _CATEGORIES))
    if plan.type in ("text", "id") and isinstance(found, TextEvidence):
        entry["longest"] = found.shape.longest
        entry["mean_words"] = round(found.shape.words / max(1, found.present), 2)
    return entry


def _number_facts(plan: ColumnPlan, survey: Survey, values: pa.Array, is_lean: bool) -> dict[str, Any]:
    facts = survey.ranges[plan.name]
    if plan.storage == "timestamp":
        return {"minimum": facts.minimum.isoformat(), "maximum": facts.maximum.isoformat()}
    numbers = pc.cast(values, pa.float64(), safe=False).to_numpy()
    found: dict[str, Any] = {
        "minimum": float(facts.minimum),
        "maximum": float(facts.maximum),
        "mean": facts.mean(),
        "standard_deviation": facts.deviation(),
        "is_whole": plan.storage == "int64",
    }
    if len(numbers) and not is_lean:
        with np.errstate(over="ignore", invalid="ignore"):
            found["quantiles"] = {
                str(q): float(v) for q, v in zip(_QUANTILES, np.quantile(numbers, _QUANTILES), strict=True)
            }
            found["histogram"] = _histogram(numbers)
    return found


def _histogram(numbers: np.ndarray) -> dict[str, Any] | None:
    low, high = float(numbers.min()), float(numbers.max())
    if not np.isfinite(high - low):
        return None
    edges = np.linspace(low, high, _BINS + 1)
    if not (np.diff(edges) > 0).all():  # one value, or huge ones that differ in the last digit only
        return {"edges": [low, high], "counts": [len(numbers)]}
    counts, _edges = np.histogram(numbers, bins=edges)
    return {"edges": [float(edge) for edge in edges], "counts": [int(count) for count in counts]}


def _word_facts(plan: ColumnPlan, found: TextEvidence | TypedEvidence, limit: int) -> dict[str, Any]:
    top = [(_word(value), count) for value, count in found.distinct.top(limit)]
    if plan.storage == "bool":  # True, TRUE and true are one value
        merged: dict[str, int] = {}
        for word, count in top:
            merged[word.lower()] = merged.get(word.lower(), 0) + count
        top = list(merged.items())
    return {
        "categories": [word for word, _count in top],
        "top": [{"value": word, "count": count} for word, count in top[:_TOP]],
        "longest": found.shape.longest if isinstance(found, TextEvidence) else 0,
    }


def _word(value: object) -> str:
    return str(cell(str(value)))
