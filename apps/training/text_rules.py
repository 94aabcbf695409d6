"""Pure decisions about runs on texts: which column is the label or the answer, what a run may set, what is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

TASKS = ("text_classification", "text_embedding", "question_answering")
OPTIONS: dict[str, tuple[str, ...]] = {"text_embedding": ("dimensions",), "question_answering": ("top",)}
_BOUNDS = {"dimensions": (2, 384), "top": (1, 50)}
_ANSWERS = ("answer", "answers", "reply", "response", "solution")
_WORDS = ("text", "category", "id")

Column = Mapping[str, Any]
Fault = tuple[str, str, str]  # code, detail, location


def text_target(task: str, given: str, inferred: str, columns: Sequence[Column]) -> str:
    """The column to learn from beside the texts: what was given; the answer for questions; a label, where there is
    one, for an embedding (it only judges the vectors)."""
    if given:
        return given
    names = [str(column.get("name")) for column in columns]
    if task == "question_answering":
        return next((name for name in names if name.strip().lower() in _ANSWERS), names[-1] if names else "")
    guessed = next((column for column in columns if column.get("name") == inferred), None)
    if task == "text_embedding" and (guessed is None or guessed.get("type") not in ("category", "boolean")):
        return ""
    return inferred


def fault_of_texts(task: str, target: str, columns: Sequence[Column], options: Mapping[str, Any]) -> Fault | None:
    """Why nothing can be learnt: no column is left to read, or an option is out of its bounds."""
    readable = [column for column in columns if column.get("name") != target and column.get("type") in _WORDS]
    if not readable:
        beside = f" besides {target!r}" if target else ""
        return "yours:text-missing", f"The dataset version has no column of texts{beside}.", "dataset_version"
    for name, (least, most) in _BOUNDS.items():
        value = options.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            return "yours:invalid", f"{name} is a whole number from {least} to {most}.", f"options.{name}"
    return None


def seconds_of_texts(rows: int) -> float:
    """Rough seconds of work: reading and counting, then a language model on as many texts as the budget allows."""
    return rows * 0.03
