"""The trade of quality against what it costs: milliseconds or bytes across, the score up, a line over the unbeaten."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.web.charts.scale import Axis, frame, grid, ticks
from apps.web.numbers import amount, size

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 420, 250, 56, 206
_WORDS = {"p95_ms": "ms for 95 % of the rows", "size_bytes": "size of the file"}

Placed = list[tuple[float, float, Mapping[str, Any]]]


def trade(points: Sequence[Mapping[str, Any]], metric: str, by: str = "p95_ms") -> SafeString:
    """`points`: {"number", "name", "score", by, "is_best", "is_variant", "frontier": [axes where unbeaten]}."""
    if len(points) < 2:
        return SafeString("")
    across = [math.log10(max(point[by], 1e-6)) for point in points]
    x_marks = _decades(min(across), max(across))
    up = [point["score"] for point in points]
    pad = (max(up) - min(up)) * 0.06 or abs(max(up)) * 0.1 or 0.1
    y_marks = ticks(min(up) - pad, max(up) + pad, 5)
    x = Axis(math.log10(x_marks[0]), math.log10(x_marks[-1]), _LEFT, _WIDTH - 24)
    y = Axis(y_marks[0], y_marks[-1], _BOTTOM, 16)
    placed = [(x.place(place), y.place(point["score"]), point) for place, point in zip(across, points, strict=True)]
    ends = sorted((left, top) for left, top, point in placed if by in point["frontier"])
    line = " ".join(f"{left},{top}" for left, top in ends)
    frontier = format_html('<polyline class="line line-2" points="{}"/>', line) if len(ends) > 1 else SafeString("")
    drawn = frontier + _dots(placed, by, metric)
    inside = grid(y, y_marks, _LEFT, _WIDTH - 24) + _below(x, x_marks, by) + drawn
    label = "Quality against size" if by == "size_bytes" else "Quality against speed"
    return frame(_WIDTH, _HEIGHT, label, mark_safe(inside))


def _said(value: float, by: str) -> str:
    return size(value) if by == "size_bytes" else amount(value)


def _below(x: Axis, marks: list[float], by: str) -> SafeString:
    numbers = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        [(x.place(math.log10(mark)), _BOTTOM + 18, _said(mark, by)) for mark in marks],
    )
    return numbers + format_html(
        '<text x="{}" y="{}" text-anchor="middle">{}</text>', (_LEFT + _WIDTH) / 2, _HEIGHT - 4, _WORDS[by]
    )


def _dots(placed: Placed, by: str, metric: str) -> SafeString:
    """Numbered as in the table; the first are drawn last, so that they lie on top."""
    unit = "" if by == "size_bytes" else " ms a row"
    return format_html_join(
        "",
        '<g class="point"><circle class="{}" cx="{}" cy="{}" r="8"/>'
        '<text class="on-dot" x="{}" y="{}" text-anchor="middle">{}</text><title>{}</title></g>',
        [
            (
                "good-fill" if point["is_best"] else "fill-4" if point["is_variant"] else "dot-fill",
                left,
                top,
                left,
                round(top + 3.5, 2),
                point["number"],
                f"{point['name']}: {metric} {amount(point['score'])}, {_said(point[by], by)}{unit}",
            )
            for left, top, point in reversed(placed)
        ],
    )


def _decades(low: float, high: float) -> list[float]:
    """Round numbers that cover the powers of ten [low, high]; 1, 2, 5 where the span is narrow."""
    factors = (1, 2, 5) if high - low < 1.2 else (1,)
    numbers = [factor * 10.0**power for power in range(math.floor(low) - 1, math.ceil(high) + 2) for factor in factors]
    first = max(place for place, number in enumerate(numbers) if math.log10(number) <= low + 1e-9)
    last = min(place for place, number in enumerate(numbers) if math.log10(number) >= high - 1e-9)
    return [round(number, 12) for number in numbers[first : max(last, first + 1) + 1]]
