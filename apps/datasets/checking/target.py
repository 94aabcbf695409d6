"""Guesses which column is to be predicted and what kind of learning that is, with the reason in words."""

import re
from dataclasses import dataclass
from typing import Any

from contracts.interactions import looks_like_a_log, roles_of

_STRONG = ("target", "label", "labels", "outcome", "response", "species", "diagnosis", "churn", "attrition", "survived")
_MEDIUM = (
    "price",
    "value",
    "status",
    "rating",
    "score",
    "sales",
    "demand",
    "strength",
    "default",
    "quality",
    "result",
    "grade",
    "y",
)
_LABEL_MOST_CLASSES = 20
_PAIR_COLUMNS = 4  # question, answer, and what somebody kept beside them
_SERIES_COLUMNS = 3  # a time and up to two columns that name the series; more of them describe rows


@dataclass(frozen=True)
class Guess:
    task: str
    target: str
    reason: str
    is_sure: bool  # named by the user or by an unmistakable name: faults of it refuse the file


def guess(columns: list[dict[str, Any]], wanted_target: str, wanted_task: str) -> Guess:
    """Return task and target for columns as profiled ({name, type, unique, missing, …}), empty where nothing fits."""
    by_name = {column["name"]: column for column in columns}
    if wanted_task == "recommendation" or (not wanted_task and not wanted_target and _is_log(columns)):
        roles = roles_of(columns, item=wanted_target)
        reason = "chosen by you" if wanted_target else f"a log of events of {roles.user!r} with {roles.item!r}"
        return Guess("recommendation", roles.item, reason, is_sure=False)
    if wanted_task in ("", "question_answering") and not wanted_target and (answer := _answer_of(columns)):
        return Guess("question_answering", answer, "a column of questions and one of answers", is_sure=False)
    if wanted_target:
        task = wanted_task or _task_of(by_name[wanted_target], columns)
        return Guess(task, wanted_target, "chosen by you", is_sure=True)
    scored = [(_score(column, place, len(columns), wanted_task), column) for place, column in enumerate(columns)]
    best_score, best = max(scored, key=lambda pair: pair[0], default=(0.0, None))
    if best is None or best_score <= 0:
        return Guess(wanted_task, "", "no column looks like a target", is_sure=False)
    task = wanted_task or _task_of(best, columns)
    is_named = _name_weight(best["name"]) >= 10
    reason = f"its name, {best['name']!r}" if is_named else "its name, place and type are the best fit"
    return Guess(task, best["name"], reason, is_sure=is_named)


def _is_log(columns: list[dict[str, Any]]) -> bool:
    """Named like one, and users and items come back: in a list of customers each stands once."""
    roles = roles_of(columns)
    repeats = [one for one in columns if one["name"] in (roles.user, roles.item) and not one.get("is_unique", False)]
    return looks_like_a_log(columns) and len(repeats) == 2


def _answer_of(columns: list[dict[str, Any]]) -> str:
    """The column of answers in a table that is little else than questions and answers."""
    names = {column["name"].strip().lower(): column["name"] for column in columns}
    is_pairs = len(columns) <= _PAIR_COLUMNS and "question" in names
    return names.get("answer", "") if is_pairs else ""


def _score(column: dict[str, Any], place: int, total: int, wanted_task: str) -> float:
    weight = _name_weight(column["name"])
    is_named = weight >= 10
    if column["type"] in ("id", "text", "datetime") or (column["unique"] < 2 and not is_named):
        return -1.0 if not is_named or column["type"] == "datetime" else weight
    score = weight
    score += 1.5 if place == total - 1 else 1.0 if place == 0 else 0.0
    is_word = column["type"] in ("category", "boolean")
    if is_word:
        score += 1.5 if column["unique"] == 2 else 0.5 if column["unique"] <= 50 else -2.0
    if wanted_task.endswith("regression") and is_word:
        score -= 8.0
    if wanted_task.endswith("classification") and not is_word and column["unique"] > _LABEL_MOST_CLASSES:
        score -= 8.0
    return score


def _name_weight(name: str) -> float:
    words = re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    if words[-1] in _STRONG or words == ["class"]:
        return 10.0
    return 4.0 if words[-1] in _MEDIUM else 0.0


def _task_of(target: dict[str, Any], columns: list[dict[str, Any]]) -> str:
    others = [column for column in columns if column["name"] != target["name"]]
    types = [column["type"] for column in others]
    is_series = "datetime" in types and set(types) <= {"datetime", "category", "id"} and len(types) <= _SERIES_COLUMNS
    if target["type"] == "number" and is_series and types.count("datetime") == 1:
        return "forecasting"
    if not is_classes(target):
        return "tabular_regression"
    useful = [kind for kind in types if kind != "id"]
    return "text_classification" if useful == ["text"] else "tabular_classification"


def is_classes(target: dict[str, Any]) -> bool:
    """Words are classes; whole numbers are when they are few and the column is named like a label."""
    if target["type"] in ("category", "boolean", "id", "text"):
        return True
    few = target["unique"] <= _LABEL_MOST_CLASSES and target.get("is_whole", False)
    return bool(target["type"] == "number" and few and (target["unique"] <= 2 or _name_weight(target["name"]) >= 10))
