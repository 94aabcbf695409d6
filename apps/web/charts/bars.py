"""Bars: sparkline histograms of columns, residuals, amounts per day."""

from collections.abc import Sequence
from datetime import date

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.web.charts.scale import Axis, frame, grid, ticks
from apps.web.numbers import amount, money


def sparkline(counts: Sequence[int], label: str = "") -> SafeString:
    """A histogram as high as a line of text."""
    highest = max(counts, default=0)
    if not highest:
        return SafeString("")
    width = 100 / len(counts)
    bars = [
        (
            round(index * width + 0.4, 2),
            round(24 - 24 * count / highest, 2),
            round(width - 0.8, 2),
            round(24 * count / highest, 2),
        )
        for index, count in enumerate(counts)
        if count
    ]
    inside = format_html_join("", '<rect class="fill-1" x="{}" y="{}" width="{}" height="{}" rx="0.6"/>', bars)
    return format_html(
        '<svg class="chart sparkline" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label="{}">'
        "{}</svg>",
        label or "Histogram",
        inside,
    )


def histogram(edges: Sequence[float], counts: Sequence[int], label: str, unit: str = "rows") -> SafeString:
    """Counts between edges; each bar tells its numbers on hover and to screen readers."""
    if not counts or len(edges) != len(counts) + 1:
        return SafeString("")
    width, height, left, bottom = 480, 210, 40, 182
    y = Axis(0, max(*counts, 1), bottom, 12)
    x = Axis(edges[0], edges[-1], left, width - 8)
    bars = []
    for index, count in enumerate(counts):
        start, end, top = x.place(edges[index]), x.place(edges[index + 1]), y.place(count)
        title = f"{amount(edges[index])} to {amount(edges[index + 1])}: {count} {unit}"
        bars.append((round(start + 0.75, 2), top, round(max(end - start - 1.5, 0.5), 2), round(bottom - top, 2), title))
    drawn = format_html_join(
        "", '<rect class="bar fill-1" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>', bars
    )
    marks = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        [
            (x.place(mark), bottom + 18, amount(mark))
            for mark in ticks(edges[0], edges[-1], 5)
            if edges[0] <= mark <= edges[-1]
        ],
    )
    lines = grid(y, [mark for mark in ticks(0, max(counts), 3) if mark <= max(counts)], left, width - 8)
    return frame(width, height, label, mark_safe(lines + drawn + marks))


def day_bars(days: Sequence[tuple[date, int]], currency: str, label: str) -> SafeString:
    """Amounts per day in micros."""
    if not days:
        return SafeString("")
    width, height, left, bottom = 760, 230, 84, 194
    highest = max(micros for _, micros in days)
    steps = ticks(0, highest, 3) if highest else [0.0]
    y = Axis(0, steps[-1] or 1, bottom, 14)
    slot = (width - 8 - left) / len(days)
    bars, names = [], []
    every = max(1, len(days) // 5)
    for index, (day, micros) in enumerate(days):
        start, top = left + index * slot, y.place(micros)
        title = f"{day.day} {day:%B}: {money(micros, currency)}"
        bars.append((round(start + slot * 0.12, 2), top, round(slot * 0.76, 2), round(bottom - top, 2), title))
        if index % every == 0:
            names.append((round(start + slot / 2, 2), bottom + 24, f"{day.day} {day:%b}"))
    drawn = format_html_join(
        "", '<rect class="bar fill-1" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>', bars
    )
    labels = format_html_join("", '<text x="{}" y="{}" text-anchor="middle">{}</text>', names)
    lines = format_html_join(
        "",
        '<line class="gridline" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
        '<text x="{3}" y="{4}" text-anchor="end">{5}</text>',
        [(left, width - 8, y.place(step), left - 8, y.place(step) + 4, money(int(step), currency)) for step in steps],
    )
    return frame(width, height, label, mark_safe(lines + drawn + labels))
