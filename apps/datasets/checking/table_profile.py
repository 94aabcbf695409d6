"""Judges the table as a whole: target, class balance, copies, constants, identifiers, leaks."""

from typing import Any

import pyarrow.compute as pc

from apps.datasets.checking.findings import Notes, Refusal, places
from apps.datasets.checking.leakage import suspects
from apps.datasets.checking.statistics import Survey
from apps.datasets.checking.target import Guess, is_classes

_RARE = 10
_CLASSES_SHOWN = 200
_IMBALANCE = 0.9


def judge_target(columns: list[dict[str, Any]], aim: Guess, facts: Survey, notes: Notes) -> None:
    """Refuse a certain target without labels or with one class; note rows without a label and rare classes."""
    target = next((column for column in columns if column["name"] == aim.target), None)
    if target is None:
        return
    where = f"column {aim.target!r}"
    if aim.is_sure and target["missing"] == facts.rows:
        raise Refusal("yours:labels-missing", "Every value of the target is missing.", where)
    if aim.is_sure and target["unique"] < 2:
        raise Refusal("yours:one-class", f"The only value is {target['example']!r}.", where)
    if target["missing"]:
        notes.warn("data:target-missing", f"{target['missing']:,} rows have no label.", where)
    if not aim.task.endswith("classification"):
        return
    if aim.is_sure and not is_classes(target) and target["unique"] > _CLASSES_SHOWN:
        raise Refusal(
            "yours:target-type", f"A column of {target['unique']:,} different numbers is no set of classes.", where
        )
    target["class_counts"] = _class_counts(target, facts)
    _note_balance(target["class_counts"], where, notes)


def _class_counts(target: dict[str, Any], facts: Survey) -> list[dict[str, Any]]:
    """[{label, count}], most frequent first; counts of large tables are scaled up from the sample."""
    if target["top"] and len(target["categories"]) == len(target["top"]) == target["unique"]:
        return [{"label": entry["value"], "count": entry["count"]} for entry in target["top"]]
    tally = pc.value_counts(facts.sample.column(target["name"]).drop_null())
    scale = facts.rows / max(1, facts.sample.num_rows)
    pairs = [(entry["values"], round(entry["counts"] * scale)) for entry in tally.to_pylist()]
    pairs.sort(key=lambda pair: (-pair[1], str(pair[0])))
    return [{"label": _label(value), "count": count} for value, count in pairs[:_CLASSES_SHOWN]]


def _label(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _note_balance(counts: list[dict[str, Any]], where: str, notes: Notes) -> None:
    total = sum(entry["count"] for entry in counts)
    rare = [entry["label"] for entry in counts if entry["count"] < _RARE]
    if rare:
        notes.warn("data:rare-class", f"{len(rare)} classes have fewer than {_RARE} rows: {places(rare)}.", where)
    if counts and total and counts[0]["count"] / total > _IMBALANCE:
        notes.warn("data:imbalance", f"{counts[0]['count'] / total:.1%} of the rows are {counts[0]['label']!r}.", where)


def table_profile(columns: list[dict[str, Any]], aim: Guess, facts: Survey, notes: Notes) -> dict[str, Any]:
    """Return DatasetVersion.profile of a table."""
    ids = [column["name"] for column in columns if column["type"] == "id"]
    constants = [column["name"] for column in columns if column["is_constant"]]
    _note_columns(columns, ids, aim, notes)
    found = _leaks(columns, aim, facts, set(ids) | set(constants))
    for suspect in found:
        notes.warn("data:leakage-suspect", f"{suspect['reason'].capitalize()}.", f"column {suspect['column']!r}")
    if facts.duplicate_rows:
        share = facts.duplicate_rows / max(1, facts.fingerprinted_rows)
        notes.tell("data:duplicate-rows", f"{facts.duplicate_rows:,} rows ({share:.1%}) are copies of earlier ones.")
    target = next((column for column in columns if column["name"] == aim.target), {})
    return {
        "kind": "table",
        "rows": facts.rows,
        "sampled_rows": facts.sample.num_rows,
        "duplicate_rows": facts.duplicate_rows,
        "fingerprinted_rows": facts.fingerprinted_rows,
        "constant_columns": constants,
        "id_columns": ids,
        "leakage_suspects": found,
        "missing_cells": sum(column["missing"] for column in columns),
        "target_reason": aim.reason,
        "class_balance": target.get("class_counts", []),
        "types": {kind: sum(column["type"] == kind for column in columns) for kind in {c["type"] for c in columns}},
    }


def _note_columns(columns: list[dict[str, Any]], ids: list[str], aim: Guess, notes: Notes) -> None:
    for column in columns:
        where = f"column {column['name']!r}"
        if column["unique"] == 0:
            notes.warn("data:empty-column", "Every value is missing.", where)
        elif column["is_constant"]:
            notes.warn("data:constant-column", f"Every value is {column['example']!r}.", where)
        elif column["missing_share"] > 0.5:
            notes.warn("data:mostly-missing", f"{column['missing_share']:.0%} of the values are missing.", where)
    shown = [name for name in ids if name != aim.target]
    if shown and aim.task != "recommendation":
        notes.tell("data:identifier", f"Identifiers: {places(shown)}.")


def _leaks(columns: list[dict[str, Any]], aim: Guess, facts: Survey, skip: set[str]) -> list[dict[str, Any]]:
    target = next((column for column in columns if column["name"] == aim.target), None)
    if target is None or target["unique"] < 2:
        return []
    as_classes = is_classes(target)
    if as_classes and target["unique"] > _CLASSES_SHOWN:
        return []
    found = suspects(facts.sample, aim.target, is_classes=as_classes, skip=skip)
    return [{"column": s.column, "score": s.score, "reason": s.reason} for s in found]
