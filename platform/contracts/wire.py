"""Dataclasses to JSON-ready dicts and back: unknown fields are dropped, missing ones take their defaults."""

import dataclasses
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")


class WireError(ValueError):
    """A message lacks a field that has no default, or is not an object."""


def to_wire(message: Any) -> dict[str, Any]:
    """Return a JSON-ready dict of a contract dataclass."""
    return dataclasses.asdict(message)


def from_wire(kind: type[T], payload: Any) -> T:
    """Build `kind` from a decoded JSON object. Raises WireError naming what is missing."""
    if not isinstance(payload, dict):
        raise WireError(f"{kind.__name__}: expected an object, got {type(payload).__name__}")
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for spec in dataclasses.fields(kind):  # type: ignore[arg-type]
        if spec.name in payload:
            values[spec.name] = _convert(hints[spec.name], payload[spec.name])
    try:
        return kind(**values)
    except TypeError as error:
        raise WireError(f"{kind.__name__}: {error}") from error


def _convert(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        return _convert(inner[0], value) if len(inner) == 1 else value
    if origin is list and isinstance(value, list):
        (item,) = typing.get_args(hint)
        return [_convert(item, part) for part in value]
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return from_wire(typing.cast(type, hint), value)
    return value
