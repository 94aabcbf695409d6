"""Bodies of the internal API: JSON objects to contract dataclasses, with every field's type checked on the way in."""

import dataclasses
import math
import types
import typing
from typing import Any, TypeVar

from contracts.problems import Problem
from contracts.wire import WireError, from_wire

T = TypeVar("T")


def message_of(kind: type[T], body: Any) -> T:
    """Build `kind` from a decoded body. Raises yours:invalid naming the first field that does not fit."""
    try:
        message = from_wire(kind, body)
    except WireError as error:
        raise Problem("yours:invalid", str(error)) from error
    misfit = _misfit(kind, message, "")
    if misfit:
        raise Problem("yours:invalid", f"{kind.__name__}: {misfit}")
    return message


def _misfit(hint: Any, value: Any, place: str) -> str:
    """Return what is wrong at the first place that does not fit its hint; empty when all fits."""
    origin = typing.get_origin(hint)
    if hint is Any:
        return ""
    if origin in (typing.Union, types.UnionType):
        return "" if any(not _misfit(part, value, place) for part in typing.get_args(hint)) else f"{place} is not right"
    if origin is list and isinstance(value, list):
        (item,) = typing.get_args(hint)
        return next((wrong for at, part in enumerate(value) if (wrong := _misfit(item, part, f"{place}[{at}]"))), "")
    if origin is dict and isinstance(value, dict):
        _, item = typing.get_args(hint)
        return next((wrong for at, part in value.items() if (wrong := _misfit(item, part, f"{place}.{at}"))), "")
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, hint):
        hints = typing.get_type_hints(hint)
        parts = ((name, getattr(value, name)) for name in (spec.name for spec in dataclasses.fields(hint)))
        return next((wrong for name, part in parts if (wrong := _misfit(hints[name], part, f"{place}.{name}"))), "")
    if hint in (int, float):
        fits = isinstance(value, int | float if hint is float else int) and not isinstance(value, bool)
        return "" if fits and math.isfinite(value) else f"{place} is not a finite number"
    return "" if isinstance(hint, type) and isinstance(value, hint) else f"{place} is of another type"
