"""Reads Stripe's form encoding: `line_items[0][price_data][currency]=usd` is a nested object."""

import re
from typing import Any
from urllib.parse import parse_qsl

_PART = re.compile(r"\[([^\]]*)\]")


def decode_form(text: str) -> dict[str, Any]:
    """Return nested dicts and lists; every leaf is a text."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        path = [name.split("[", 1)[0], *_PART.findall(name)]
        place = root
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1] or str(len(place))] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(value: Any) -> Any:
    """An object whose names are 0, 1, 2 … is a list."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(part) for name, part in value.items()}
    if inner and list(inner) == [str(position) for position in range(len(inner))]:
        return list(inner.values())
    return inner
