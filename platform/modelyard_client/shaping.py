"""From JSON to frozen dataclasses: unknown fields are kept in `raw`, so a newer platform breaks no older client."""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from modelyard_client.errors import ModelyardError


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the platform answered; `raw` is the JSON as it came."""

    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


A = TypeVar("A", bound=Answer)
_KNOWN: dict[type[Answer], dict[str, Any]] = {}


def shaped(shape: type[A], content: Any) -> A:
    """Raise `client:unexpected-answer` where a promised field is missing."""
    hints = _hints(shape)
    try:
        values = {name: _value(hint, content[name]) for name, hint in hints.items() if name in content}
        return shape(**values, raw=dict(content))
    except (TypeError, ValueError) as error:
        raise ModelyardError(
            "client:unexpected-answer",
            f"The answer is no {shape.__name__}: {error}",
            fix="Check the address; it may belong to something else, or to an older platform.",
        ) from error


def _hints(shape: type[Answer]) -> dict[str, Any]:
    if shape not in _KNOWN:
        hints = get_type_hints(shape)
        _KNOWN[shape] = {one.name: hints[one.name] for one in fields(shape) if one.name != "raw"}
    return _KNOWN[shape]


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _value(next(one for one in get_args(hint) if one is not type(None)), value)
    if origin is list:
        return [_value(get_args(hint)[0], one) for one in value]
    if origin is dict:
        return {name: _value(get_args(hint)[1], one) for name, one in value.items()}
    if hint is datetime:
        return datetime.fromisoformat(value)
    if isinstance(hint, type) and issubclass(hint, Answer):
        return shaped(hint, _object(value))
    return value


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"an object was expected, not {type(value).__name__}")
    return value
