"""Reads JSON bodies strictly: what two parsers could understand differently is refused."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from contracts.problems import Problem

MAX_DEPTH = 64
MAX_DIGITS = 64  # of a number; Python alone would take thousands, at quadratic cost


class StrictJSONParser(BaseParser):
    """An object, UTF-8, no NaN or Infinity, no name twice, at most 64 levels deep."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise Problem("yours:too-large", f"A JSON body may have {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes.")
        return parse_object(body)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know, so that a typing error is not silently ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = set(data) - set(self.fields)
            if unknown:
                raise serializers.ValidationError({name: ["There is no such field."] for name in sorted(unknown)})
        return super().to_internal_value(data)


def parsed(serializer: type[serializers.Serializer[Any]], request: Request, **more: Any) -> dict[str, Any]:
    """The validated body, or a ValidationError that becomes a problem with a line per field."""
    checked = serializer(data=request.data, **more)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the object, or raise `yours:malformed` saying what is wrong and where."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_fraction,
            parse_int=_whole,
        )
        _walk(value, 1)
    except UnicodeDecodeError:
        raise Problem("yours:malformed", "The body is not UTF-8.") from None
    except RecursionError:
        raise Problem("yours:malformed", f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Problem("yours:malformed", f"The body is not JSON: {error.msg} at {place}.") from None
    if not isinstance(value, dict):
        raise Problem("yours:malformed", "The body must be a JSON object.")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem("yours:malformed", f"The name {twice[:80]!r} stands twice in one object.")
    return result


def _constant(word: str) -> Any:
    raise Problem("yours:malformed", f"{word} is not JSON.")


def _fraction(text: str) -> float:
    number = float(text)
    if len(text) > MAX_DIGITS or math.isinf(number):
        raise Problem("yours:malformed", "A number is too large or too long.")
    return number


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise Problem("yours:malformed", "A number is too large or too long.")
    return int(text)


def _walk(value: Any, depth: int) -> None:
    """Depth, and text that PostgreSQL cannot hold."""
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        for name, part in value.items():
            _check_text(name)
            _walk(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _walk(part, depth + 1)
    elif isinstance(value, str):
        _check_text(value)


def _check_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text if letter > "\ud7ff"):
        raise Problem("yours:malformed", "A text contains a NUL or half of a surrogate pair.")
