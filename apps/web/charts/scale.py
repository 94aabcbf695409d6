"""From data to places on the paper: ranges, round ticks, the frame that charts share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.web.numbers import amount


@dataclass(frozen=True)
class Axis:
    """Maps [low, high] to [start, end] in the drawing's units."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return round(self.start + (value - self.low) / span * (self.end - self.start), 2)


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers that cover [low, high]: steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.floor(low / step)
    count = math.ceil(high / step - 1e-9) - first
    return [round((first + index) * step, 12) for index in range(count + 1)]


def finite(values: Sequence[float | None]) -> list[float]:
    return [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]


def frame(width: int, height: int, label: str, inside: SafeString) -> SafeString:
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>', width, height, label, inside
    )


def grid(y: Axis, marks: Sequence[float], left: float, right: float, *, suffix: str = "") -> SafeString:
    """Horizontal lines with their values at the left."""
    rows = [(y.place(mark), f"{amount(mark)}{suffix}") for mark in marks]
    return format_html_join(
        "",
        '<line class="gridline" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
        '<text x="{3}" y="{4}" text-anchor="end">{5}</text>',
        [(left, right, place, left - 6, place + 4, text) for place, text in rows],
    )
