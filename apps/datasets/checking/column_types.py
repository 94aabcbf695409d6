"""Decides each column's type from its evidence, and says why. A type given by the user wins."""

import re
from dataclasses import dataclass

from apps.datasets.checking.date_text import ISO
from apps.datasets.checking.evidence import TextEvidence, TypedEvidence
from apps.datasets.checking.findings import Notes, Refusal

TYPES = ("number", "category", "boolean", "datetime", "text", "id")
ODD_SHARE = 0.02  # up to this share of stray words does not make a number column a word column
_ID_NAME = re.compile(
    r"(^|[_\s.-])(id|uuid|guid|key|index|rownames|row_?id|unnamed: ?0)$|[a-z]I[Dd]$|^(ID|Id)$", re.IGNORECASE
)


@dataclass(frozen=True)
class ColumnPlan:
    """How a column is read and stored."""

    name: str
    type: str  # one of TYPES
    storage: str  # "int64" | "double" | "string" | "bool" | "timestamp"
    style: str = ""  # numbers: plain | comma | thousands; dates: the pattern
    evidence: str = ""
    is_overridden: bool = False


def decide(name: str, found: TextEvidence | TypedEvidence, wanted: str, notes: Notes) -> ColumnPlan:
    """Return the plan of one column."""
    plan = _decide_typed(name, found, notes) if isinstance(found, TypedEvidence) else _decide_text(name, found, notes)
    return _override(plan, found, wanted) if wanted and wanted != plan.type else plan


def _decide_typed(name: str, found: TypedEvidence, notes: Notes) -> ColumnPlan:
    why = f"stored as {found.kind} in the file"
    if found.infinite:
        notes.warn("data:infinite-number", f"{found.infinite:,} values are infinite.", _at(name))
    if found.kind != "number":
        return ColumnPlan(name, found.kind, "bool" if found.kind == "boolean" else "timestamp", evidence=why)
    if found.is_whole and _is_identifier(name, found):
        return ColumnPlan(name, "id", "int64", evidence=_why_id(name, found))
    return ColumnPlan(name, "number", "int64" if found.is_whole else "double", evidence=why)


def _decide_text(name: str, found: TextEvidence, notes: Notes) -> ColumnPlan:
    present, shape = found.present, found.shape
    if present == 0:
        return ColumnPlan(name, "category", "string", evidence="every value is missing")
    if shape.boolean == present:
        return ColumnPlan(name, "boolean", "bool", evidence="every value is true or false")
    if shape.whole == present and _is_identifier(name, found):
        storage = "string" if shape.leading_zero or found.out_of_range else "int64"
        return ColumnPlan(name, "id", storage, "plain", _why_id(name, found))
    number = _decide_number(name, found, notes)
    if number:
        return number
    pattern = found.dates.best()
    if pattern:
        return _decide_date(name, found, pattern, notes)
    return _decide_words(name, found)


def _decide_number(name: str, found: TextEvidence, notes: Notes) -> ColumnPlan | None:
    present, shape = found.present, found.shape
    if shape.leading_zero and shape.leading_zero > 0.001 * present and shape.whole == present:
        notes.tell(
            "data:leading-zeros", f"{shape.leading_zero:,} whole numbers begin with 0, like codes do.", _at(name)
        )
        return None
    style, count = _number_style(found)
    odd = present - count - shape.infinite
    if count == 0 or odd > max(0.0, ODD_SHARE * present):
        return None
    _tell_number(name, found, style, odd, notes)
    is_whole = style == "plain" and shape.whole == present and not found.out_of_range
    why = f"all {present:,} values are {'whole ' if is_whole else ''}numbers"
    if odd or shape.infinite:
        why = f"{count:,} of {present:,} values are numbers"
    return ColumnPlan(name, "number", "int64" if is_whole else "double", style, why)


def _number_style(found: TextEvidence) -> tuple[str, int]:
    shape = found.shape
    if shape.comma and shape.surely_comma:
        return "comma", shape.plain + shape.comma
    if shape.thousands:
        return "thousands", shape.plain + shape.thousands
    if shape.comma:
        return "comma", shape.plain + shape.comma
    return "plain", shape.plain


def _tell_number(name: str, found: TextEvidence, style: str, odd: int, notes: Notes) -> None:
    shape = found.shape
    if odd > 0:
        notes.warn(
            "data:not-a-number",
            f"{odd:,} values are no numbers, for example {', '.join(map(repr, found.odd[:3]))}.",
            _at(name),
        )
    if shape.infinite + shape.overflow:
        notes.warn(
            "data:infinite-number",
            f"{shape.infinite + shape.overflow:,} values are infinite or beyond 1.8e308.",
            _at(name),
        )
    if shape.long_digits:
        notes.warn("data:number-rounded", f"{shape.long_digits:,} whole numbers have more than 15 digits.", _at(name))
    if style == "comma":
        notes.warn("data:decimal-comma", f"{shape.comma:,} values use a decimal comma.", _at(name))
    if style == "thousands":
        notes.warn("data:thousands-separator", f"{shape.thousands:,} values use a comma between thousands.", _at(name))


def _decide_date(name: str, found: TextEvidence, pattern: str, notes: Notes) -> ColumnPlan:
    strays = found.present - found.dates.good[pattern]
    if strays:
        notes.warn("data:not-a-date", f"{strays:,} values are no dates of the form {pattern}.", _at(name))
    if found.dates.is_ambiguous(pattern):
        notes.warn("data:date-order", f"Day and month could be swapped; read as {pattern}.", _at(name))
    if pattern == ISO and len(found.dates.zones) > 1:
        notes.warn("data:time-zones", f"The times carry {len(found.dates.zones)} different offsets.", _at(name))
    form = "ISO 8601" if pattern == ISO else pattern
    return ColumnPlan(
        name,
        "datetime",
        "timestamp",
        pattern,
        f"{found.dates.good[pattern]:,} of {found.present:,} values are dates ({form})",
    )


def _decide_words(name: str, found: TextEvidence) -> ColumnPlan:
    present, unique, shape = found.present, found.distinct.number(), found.shape
    share = unique / present
    words = shape.words / max(1, present)
    is_prose = (words >= 4 and (share > 0.5 or unique > 200)) or shape.chars / present > 100
    if is_prose:
        return ColumnPlan(name, "text", "string", evidence=f"{words:.0f} words on average, {unique:,} different values")
    if _is_identifier(name, found) or (present >= 50 and share > 0.95 and shape.with_space < 0.1 * present):
        return ColumnPlan(name, "id", "string", evidence=_why_id(name, found))
    if unique > 1000 and share > 0.5:
        return ColumnPlan(name, "text", "string", evidence=f"{unique:,} different values, {words:.1f} words on average")
    return ColumnPlan(name, "category", "string", evidence=f"{unique:,} different words in {present:,} values")


def _is_identifier(name: str, found: TextEvidence | TypedEvidence) -> bool:
    if not _ID_NAME.search(name) or found.present == 0:
        return False
    unique = found.distinct.number()
    return unique > 100 or unique > 0.5 * found.present


def _why_id(name: str, found: TextEvidence | TypedEvidence) -> str:
    unique = found.distinct.number()
    if unique >= 0.95 * found.present:
        return f"nearly every value is different ({unique:,} of {found.present:,})"
    return f"named like an identifier, {unique:,} different values"


def _override(plan: ColumnPlan, found: TextEvidence | TypedEvidence, wanted: str) -> ColumnPlan:
    why = f"set by you; the file suggests {plan.type}: {plan.evidence}"
    if isinstance(found, TypedEvidence):
        return _override_typed(plan, wanted, why)
    if wanted in ("category", "text", "id"):
        return ColumnPlan(plan.name, wanted, "string", evidence=why, is_overridden=True)
    if wanted == "number":
        style, count = _number_style(found)
        if found.present and count == 0:
            raise Refusal("yours:target-type", "No value of the column is a number.", _at(plan.name))
        return ColumnPlan(plan.name, "number", "double", style, why, is_overridden=True)
    if wanted == "datetime":
        if not found.dates.best():
            raise Refusal("yours:target-type", "The values of the column are no dates.", _at(plan.name))
        return ColumnPlan(plan.name, "datetime", "timestamp", found.dates.best(), why, is_overridden=True)
    if found.shape.boolean != found.present:
        raise Refusal("yours:target-type", "Only true and false can be boolean.", _at(plan.name))
    return ColumnPlan(plan.name, "boolean", "bool", evidence=why, is_overridden=True)


def _override_typed(plan: ColumnPlan, wanted: str, why: str) -> ColumnPlan:
    if wanted in ("category", "text", "id"):
        return ColumnPlan(plan.name, wanted, "string", evidence=why, is_overridden=True)
    if wanted == "number" and plan.storage in ("bool", "int64"):
        return ColumnPlan(plan.name, "number", "int64", evidence=why, is_overridden=True)
    raise Refusal("yours:target-type", f"A {plan.type} column cannot be read as {wanted}.", _at(plan.name))


def _at(name: str) -> str:
    return f"column {name!r}"
