"""Do two models give the same answer? Labels must be equal, numbers may differ a little."""

from __future__ import annotations

from typing import Any

NEAR = 0.01  # relative difference of numbers that still counts as the same answer


def agree(one: list[Any], other: list[Any], near: float = NEAR) -> bool:
    """Compare the predictions of a whole request, row by row."""
    return len(one) == len(other) and all(_same(left, right, near) for left, right in zip(one, other, strict=True))


def _same(left: Any, right: Any, near: float) -> bool:
    if not isinstance(left, dict) or not isinstance(right, dict):
        return False
    if "label" in left or "label" in right:
        return bool(left.get("label") == right.get("label"))
    if "value" in left or "value" in right:
        return _near([left.get("value")], [right.get("value")], near)
    if "items" in left or "items" in right:
        return _first(left.get("items")) == _first(right.get("items"))
    if "forecast" in left or "forecast" in right:
        return _near(_values(left.get("forecast")), _values(right.get("forecast")), near)
    return _near(left.get("vector"), right.get("vector"), near)


def _near(left: Any, right: Any, near: float) -> bool:
    """Relative to the size of both as a whole: a tiny number beside large ones does not decide."""
    if not left or not right or len(left) != len(right) or None in left or None in right:
        return False
    apart = sum(abs(a - b) for a, b in zip(left, right, strict=True))
    size = max(sum(map(abs, left)), sum(map(abs, right)))
    return bool(apart <= near * size) if size else True


def _first(items: Any) -> Any:
    return items[0].get("item") if items else None


def _values(steps: Any) -> list[Any]:
    return [step.get("value") for step in steps or []]
