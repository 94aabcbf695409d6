"""Checks a request's parameters against the SDK's typed parameter classes, and gives texts of a form their types."""

import sys
import types
import typing
from decimal import Decimal, InvalidOperation
from typing import Any

import typing_extensions
from stripe._request_options import RequestOptions

_OPTIONS = frozenset(RequestOptions.__annotations__)  # sent as headers, never as parameters


class WrongParameter(Exception):
    """Becomes Stripe's 400 with the parameter's name."""

    def __init__(self, message: str, param: str, code: str) -> None:
        super().__init__(message)
        self.message, self.param, self.code = message, param, code


def checked(kind: Any, given: dict[str, Any], at: str = "") -> dict[str, Any]:
    """Return `given` with typed values. Raises WrongParameter for what the class does not know or lacks."""
    # One hint at a time: the inherited request options speak of names that their module does not import.
    hints, names = kind.__annotations__, vars(sys.modules[kind.__module__])
    result = {}
    for name, value in given.items():
        place = f"{at}[{name}]" if at else name
        if name not in hints or name in _OPTIONS:
            raise WrongParameter(f"Received unknown parameter: {place}", place, "parameter_unknown")
        result[name] = _converted(hints[name], value, place, names)
    for name in sorted(kind.__required_keys__ - _OPTIONS):
        if name not in given:
            place = f"{at}[{name}]" if at else name
            raise WrongParameter(f"Missing required param: {place}.", place, "parameter_missing")
    return result


def _converted(hint: Any, value: Any, at: str, names: dict[str, Any]) -> Any:
    hint = _resolved(hint, names)
    origin = typing.get_origin(hint)
    if origin in (typing_extensions.NotRequired, typing_extensions.Required):
        return _converted(typing.get_args(hint)[0], value, at, names)
    if origin in (typing.Union, types.UnionType):
        return _first_fit(typing.get_args(hint), value, at, names)
    if origin is typing.Literal:
        if value in typing.get_args(hint):
            return value
    elif origin is list and isinstance(value, list):
        (item,) = typing.get_args(hint)
        return [_converted(item, part, f"{at}[{position}]", names) for position, part in enumerate(value)]
    elif origin is dict and isinstance(value, dict):
        _, item = typing.get_args(hint)
        return {name: _converted(item, part, f"{at}[{name}]", names) for name, part in value.items()}
    elif typing_extensions.is_typeddict(hint) and isinstance(value, dict):
        return checked(hint, value, at)
    elif isinstance(value, str) and hint in _PLAIN:
        return _PLAIN[hint](value, at)
    raise WrongParameter(f"Invalid value for {at}: {str(value)[:60]!r}", at, "parameter_invalid")


def _resolved(hint: Any, names: dict[str, Any]) -> Any:
    """The SDK writes many hints as text, to be read in the module that says them; it is our dependency, not input."""
    text = hint.__forward_arg__ if isinstance(hint, typing.ForwardRef) else hint
    return eval(text, names) if isinstance(text, str) else hint  # noqa: S307 -- no part of it comes from a request


def _first_fit(options: tuple[Any, ...], value: Any, at: str, names: dict[str, Any]) -> Any:
    error: WrongParameter | None = None
    for option in options:
        try:
            return _converted(option, value, at, names)
        except WrongParameter as refused:
            if error is None or len(refused.param) > len(error.param):
                error = refused  # the option that went deepest explains best
    raise error or WrongParameter(f"Invalid value for {at}", at, "parameter_invalid")


def _integer(text: str, at: str) -> int:
    if not text.removeprefix("-").isdecimal():
        raise WrongParameter(f"Invalid integer: {text[:60]}", at, "parameter_invalid_integer")
    return int(text)


def _boolean(text: str, at: str) -> bool:
    if text not in ("true", "false"):
        raise WrongParameter(f"Invalid boolean: {text[:60]}", at, "parameter_invalid_boolean")
    return text == "true"


def _number(text: str, at: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise WrongParameter(f"Invalid decimal: {text[:60]}", at, "parameter_invalid_decimal") from None


def _decimal(text: str, at: str) -> str:
    """Exact, and as text: that is how Stripe answers with it."""
    try:
        return format(Decimal(text).normalize(), "f")
    except InvalidOperation:
        raise WrongParameter(f"Invalid decimal: {text[:60]}", at, "parameter_invalid_decimal") from None


_PLAIN: dict[Any, Any] = {int: _integer, Decimal: _decimal, bool: _boolean, float: _number, str: lambda text, at: text}
