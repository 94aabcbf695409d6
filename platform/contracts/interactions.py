"""Which columns of a table are the user, the item, the rating or weight and the time of an event.

Control says it before a run starts and the worker reads the log by it, so both ask here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NAMES: dict[str, tuple[str, ...]] = {
    "user": (
        "user", "userid", "uid", "customer", "customerid", "client", "member", "account", "visitor", "session", "buyer",
        "shopper", "reader", "listener", "viewer", "student", "reviewer", "person", "patient", "household", "basket",
    ),
    "item": (
        "item", "itemid", "iid", "product", "productid", "movie", "movieid", "film", "book", "article", "track", "song",
        "artist", "sku", "isbn", "asin", "course", "lecture", "lecturer", "game", "recipe", "restaurant", "business",
        "video", "news", "page", "content", "good", "anime", "app", "show", "venue", "poi", "stockcode",
    ),
    "rating": ("rating", "ratings", "stars", "star", "score", "grade", "overall"),
    "weight": ("weight", "count", "counts", "plays", "playcount", "listens", "clicks", "views", "quantity", "qty",
               "hours", "purchases", "strength"),
    "time": ("time", "timestamp", "ts", "date", "datetime", "at", "when", "day", "created", "createdat", "eventtime"),
}  # fmt: skip
_SUFFIXES = ("id", "key", "code", "no", "number", "name", "title", "hash", "idx", "index")
ROLES = tuple(_NAMES)


@dataclass(frozen=True)
class Roles:
    """Column names; empty where the log has no such column."""

    user: str = ""
    item: str = ""
    rating: str = ""
    weight: str = ""
    time: str = ""

    @property
    def is_complete(self) -> bool:
        return bool(self.user and self.item)


def roles_of(columns: Sequence[Mapping[str, Any]], *, item: str = "", chosen: Mapping[str, str] | None = None) -> Roles:
    """Columns as `{name, type, …}`; `item` is the run's target, `chosen` what the user decided ("" means: none).

    1. what was chosen 2. names that say it 3. the type: dates are times, identifiers are users and then items.
    """
    names = [str(column["name"]) for column in columns]
    found: dict[str, str] = {role: name for role, name in (chosen or {}).items() if role in ROLES and name in names}
    decided = set(chosen or {}) & set(ROLES)
    by_name = {str(column["name"]): column for column in columns}
    is_quantity = item in names and any(_says(role, by_name[item]) for role in ("rating", "weight", "time"))
    if item in names and "item" not in decided and not is_quantity:  # many call the rating their target
        found["item"] = item
        decided.add("item")
    for role in ROLES:
        if role not in decided:
            free = [column for column in columns if column["name"] not in found.values()]
            if name := next((str(one["name"]) for one in free if _says(role, one)), ""):
                found[role] = name
    for role in ("user", "item"):
        if role not in decided and role not in found:
            free = [one for one in columns if one["name"] not in found.values() and _is_identifier(one)]
            if free:
                found[role] = str(free[0]["name"])
    return Roles(**{role: found.get(role, "") for role in ROLES})


def misfits(chosen: Any, names: Sequence[str]) -> list[str]:
    """What is wrong with a user's `{role: column}`, in words; an empty list when nothing is."""
    if not isinstance(chosen, Mapping):
        return ['roles must be an object like {"user": "customer_id"}']
    if not all(isinstance(name, str) for name in chosen.values()):
        return ["each role names one column as a text"]
    wrong = [f"{role!r} is no role; known are {', '.join(ROLES)}" for role in chosen if role not in ROLES]
    wrong += [
        f"there is no column {name!r} for the role {role}"
        for role, name in chosen.items()
        if role in ROLES and name not in (*names, "")
    ]
    given = [name for name in chosen.values() if name]
    wrong += [f"the column {name!r} has two roles" for name in dict.fromkeys(given) if given.count(name) > 1]
    return wrong


def looks_like_a_log(columns: Sequence[Mapping[str, Any]]) -> bool:
    """Two to six columns of which one is named like a user and another like an item."""
    found = {role: [one for one in columns if _says(role, one)] for role in ("user", "item")}
    return 2 <= len(columns) <= 6 and bool(found["user"] and found["item"])


def _words(name: str) -> list[str]:
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().replace("-", "_").replace(" ", "_").split("_")


def _says(role: str, column: Mapping[str, Any]) -> bool:
    words = [word for word in _words(str(column["name"])) if word]
    kept = [word for word in words if word not in _SUFFIXES] or words
    kind = str(column.get("type", ""))
    is_named = "".join(words) in _NAMES[role] or kept[-1] in _NAMES[role]
    if role == "time":
        return kind == "datetime" or (is_named and kind == "number")
    if role in ("rating", "weight"):
        return is_named and kind == "number"
    return is_named and kind != "datetime"


def _is_identifier(column: Mapping[str, Any]) -> bool:
    kind = str(column.get("type", ""))
    return kind in ("id", "category", "text") or (kind == "number" and bool(column.get("is_whole", True)))
