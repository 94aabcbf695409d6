"""Column names: unique, bounded, never empty. What else they contain stays; names never become paths or SQL."""

from apps.datasets.checking import limits
from apps.datasets.checking.cleaning import clean_text
from apps.datasets.checking.findings import Notes, Refusal


def column_names(raw: list[str], notes: Notes) -> list[str]:
    """Return clean names for the header. Raises Refusal when there are too many or two are equal."""
    if len(raw) > limits.TABLE_COLUMNS:
        raise Refusal("yours:csv-columns", f"The table has {len(raw):,} columns.", "line 1")
    names: list[str] = []
    for number, name in enumerate(raw, start=1):
        names.append(_clean(name, number, notes))
    _refuse_doubles(names)
    return names


def _clean(raw: str, number: int, notes: Notes) -> str:
    name = clean_text(raw).strip()
    if not name:
        notes.warn(
            "data:column-renamed", f"Column {number} has no name; it is called column_{number}.", f"column {number}"
        )
        return f"column_{number}"
    if len(name) > limits.COLUMN_NAME_CHARS:
        short = name[: limits.COLUMN_NAME_CHARS - 1] + "…"
        notes.warn(
            "data:column-renamed",
            f"The name of column {number} has {len(name):,} characters; it was cut.",
            f"column {number}",
        )
        return short
    return name


def _refuse_doubles(names: list[str]) -> None:
    seen: dict[str, int] = {}
    doubles = []
    for number, name in enumerate(names, start=1):
        if name in seen:
            doubles.append((f"line 1, columns {seen[name]} and {number}", f"Both are called {name!r}."))
        seen.setdefault(name, number)
    if doubles:
        raise Refusal("yours:csv-duplicate-column", more=doubles[: limits.PLACES_SHOWN])
