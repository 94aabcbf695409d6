"""Drawings in a square: curves of rates, and answers against the truth."""

from collections.abc import Mapping, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.web.charts.scale import Axis, frame, grid, ticks
from apps.web.numbers import amount

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 420, 320, 56, 276
_LINES = 6  # colours there are

Pairs = Sequence[Sequence[float]]


def rate_curves(series: Mapping[str, Pairs], label: str, across: str, *, diagonal: bool = False) -> SafeString:
    """Curves within [0, 1] × [0, 1], each in its own colour and dash; the legend is HTML beside the drawing."""
    x, y = Axis(0, 1, _LEFT, _WIDTH - 12), Axis(0, 1, _BOTTOM, 12)
    lines = [
        (place, " ".join(f"{x.place(point[0])},{y.place(point[1])}" for point in pairs))
        for place, pairs in enumerate(list(series.values())[:_LINES], start=1)
    ]
    drawn = format_html_join("", '<polyline class="line line-{}" points="{}"/>', lines)
    chance = _diagonal(x, y) if diagonal else SafeString("")
    marks = [0, 0.25, 0.5, 0.75, 1]
    inside = grid(y, marks, _LEFT, _WIDTH - 12) + _below(x, marks, across) + chance + drawn
    return frame(_WIDTH, _HEIGHT, label, mark_safe(inside))


def answer_against_truth(points: Pairs, label: str) -> SafeString:
    """One dot per [answer, truth]; on the dashed line the answer is right."""
    if len(points) < 2:
        return SafeString("")
    values = [value for point in points for value in point]
    marks = ticks(min(values), max(values), 4)
    if len(marks) < 2:
        return SafeString("")
    x, y = Axis(marks[0], marks[-1], _LEFT, _WIDTH - 12), Axis(marks[0], marks[-1], _BOTTOM, 12)
    dots = format_html_join(
        "",
        '<circle class="point fill-1" fill-opacity="0.55" cx="{}" cy="{}" r="3">'
        "<title>answer {}, truth {}</title></circle>",
        [(x.place(one[0]), y.place(one[1]), amount(one[0]), amount(one[1])) for one in points],
    )
    inside = grid(y, marks, _LEFT, _WIDTH - 12) + _below(x, marks, "answer") + _diagonal(x, y) + dots
    return frame(_WIDTH, _HEIGHT, label, mark_safe(inside))


def _diagonal(x: Axis, y: Axis) -> SafeString:
    return format_html('<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>', x.start, y.start, x.end, y.end)


def _below(x: Axis, marks: Sequence[float], name: str) -> SafeString:
    numbers = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        [(x.place(mark), _BOTTOM + 18, amount(mark)) for mark in marks],
    )
    title = format_html('<text x="{}" y="{}" text-anchor="middle">{}</text>', (_LEFT + _WIDTH) / 2, _HEIGHT - 6, name)
    return numbers + title
