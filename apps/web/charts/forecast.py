"""A forecast as people read it: what was, what had been forecast with its interval, what came."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.web.charts.scale import Axis, finite, frame, grid, ticks
from apps.web.numbers import amount

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 460, 220, 48, 186
_HISTORY_SHOWN = 3  # times as long as the forecast, at most

Values = Sequence[float | None]


def forecast_chart(history: Values, forecast: Mapping[str, Values], actual: Values, label: str) -> SafeString:
    """History, band and line of the forecast, and the truth where it is known; steps count from the forecast on."""
    ahead = len(forecast.get("value") or [])
    past = list(history)[-max(12, _HISTORY_SHOWN * ahead) :]
    ends = [forecast.get(name) or [] for name in ("value", "lower", "upper")]
    heights = finite([*past, *actual, *(one for end in ends for one in end)])
    if not heights or not ahead:
        return SafeString("")
    pad = (max(heights) - min(heights)) * 0.04 or abs(max(heights)) * 0.1 or 1.0
    low = min(heights) - pad
    marks = ticks(max(low, 0) if min(heights) >= 0 else low, max(heights) + pad)
    y = Axis(marks[0], marks[-1], _BOTTOM, 10)
    x = Axis(-len(past) + 1, ahead, _LEFT, _WIDTH - 10)
    begin = [past[-1]] if past else []
    lines = [
        ("line line-1", _places(x, y, past, 1 - len(past))),
        ("line line-2", _places(x, y, [*begin, *ends[0]], 0 if begin else 1)),
        ("line line-3", _places(x, y, [*begin, *actual] if actual else [], 0 if begin else 1)),
    ]
    drawn = format_html_join("", '<polyline class="{}" points="{}"/>', [line for line in lines if line[1]])
    names = [
        (_LEFT, "start", f"{amount(len(past))} before"),
        (x.place(0), "middle", "now"),
        (_WIDTH - 10, "end", f"{ahead} ahead"),
    ]
    words = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        [(at, _BOTTOM + 20, anchor, text) for at, anchor, text in names],
    )
    inside = grid(y, marks, _LEFT, _WIDTH - 10) + _band(x, y, ends[1], ends[2]) + drawn + words
    return frame(_WIDTH, _HEIGHT, label, mark_safe(inside))


def _band(x: Axis, y: Axis, lower: Values, upper: Values) -> SafeString:
    there = _places(x, y, upper, 1)
    back = " ".join(reversed(_places(x, y, lower, 1).split(" ")))
    return format_html('<polygon class="fill-2" fill-opacity="0.16" points="{} {}"/>', there, back)


def _places(x: Axis, y: Axis, values: Sequence[Any], start: int) -> str:
    found = [(step, one) for step, one in enumerate(values, start) if isinstance(one, int | float)]
    return " ".join(f"{x.place(step)},{y.place(one)}" for step, one in found)
