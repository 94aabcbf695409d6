"""Lines: loss curves while a model learns."""

from collections.abc import Mapping, Sequence

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.web.charts.scale import Axis, finite, frame, grid, ticks
from apps.web.numbers import amount

Series = Mapping[str, Sequence[tuple[float, float]]]


def line_chart(series: Series, label: str, *, across: str = "step") -> SafeString:
    """Each series in its own colour and dash; the legend is HTML beside the drawing."""
    points = [point for line in series.values() for point in line]
    heights = finite([height for _, height in points])
    if not heights:
        return SafeString("")
    width, view_height, left, bottom = 460, 220, 48, 186
    low, high = min(heights), max(heights)
    pad = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    marks = ticks(max(low - pad, 0) if low >= 0 else low - pad, high + pad)
    y = Axis(marks[0], marks[-1], bottom, 10)
    steps = [step for step, _ in points]
    x = Axis(min(steps), max(steps), left, width - 10)
    lines, dots = [], []
    for index, line in enumerate(series.values(), start=1):
        places = [f"{x.place(step)},{y.place(height)}" for step, height in line]
        lines.append((index, " ".join(places)))
        if len(line) == 1:
            dots.append((index, x.place(line[0][0]), y.place(line[0][1])))
    drawn = format_html_join("", '<polyline class="line line-{}" points="{}"/>', lines)
    single = format_html_join("", '<circle class="fill-{}" cx="{}" cy="{}" r="3"/>', dots)
    names = [(left, "start", amount(min(steps))), (width - 10, "end", f"{across} {amount(max(steps))}")]
    ends = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        [(place, bottom + 20, anchor, text) for place, anchor, text in names],
    )
    inside = grid(y, marks, left, width - 10) + drawn + single + ends
    return frame(width, view_height, label, mark_safe(inside))
