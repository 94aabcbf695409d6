"""Charts over time: stacked bars of counts, lines of measured values; gaps stay gaps."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.web.charts.scale import Axis, frame, grid, ticks
from apps.web.numbers import amount

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 460, 220, 52, 182, 12

Stack = Sequence[tuple[str, str, Sequence[int]]]  # (name, class of its colour, one count per step)
Lines = Mapping[str, Sequence[float | None]]  # name -> one value per step; None: nothing was measured


def stacked_bars(times: Sequence[datetime], stack: Stack, label: str) -> SafeString:
    """Counts per step on top of each other; each bar tells its numbers on hover and to screen readers."""
    totals = [sum(counts[place] for _, _, counts in stack) for place in range(len(times))]
    if not any(totals):
        return SafeString("")
    steps = _whole_ticks(max(totals))
    y, slot = Axis(0, steps[-1], BOTTOM, TOP), (WIDTH - 8 - LEFT) / len(times)
    bars = []
    for place, at in enumerate(times):
        low = 0
        for name, colour, counts in stack:
            count = counts[place]
            if count:
                top, foot = y.place(low + count), y.place(low)
                title = f"{_moment(at)}: {count} {name}"
                left, width = LEFT + (place + 0.1) * slot, max(slot * 0.8, 0.6)
                bars.append((colour, round(left, 2), top, round(width, 2), round(max(foot - top, 0.6), 2), title))
                low += count
    drawn = format_html_join(
        "", '<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>', bars
    )
    inside = grid(y, steps, LEFT, WIDTH - 8) + drawn + _below(times, slot)
    return frame(WIDTH, HEIGHT, label, mark_safe(inside))


def time_lines(times: Sequence[datetime], series: Lines, label: str) -> SafeString:
    """One line per series from zero up; a single measured step is a dot."""
    heights = [value for line in series.values() for value in line if value is not None]
    if not heights:
        return SafeString("")
    marks = ticks(0, max(heights) * 1.05 or 1.0, 3)
    y, slot = Axis(0, marks[-1], BOTTOM, TOP), (WIDTH - 8 - LEFT) / len(times)
    lines, dots = [], []
    for index, line in enumerate(series.values(), start=1):
        for run in _runs(line):
            places = [(round(LEFT + (place + 0.5) * slot, 2), y.place(value)) for place, value in run]
            if len(places) == 1:
                dots.append((index, *places[0]))
            else:
                lines.append((index, " ".join(f"{x},{height}" for x, height in places)))
    drawn = format_html_join("", '<polyline class="line line-{}" points="{}"/>', lines)
    single = format_html_join("", '<circle class="fill-{}" cx="{}" cy="{}" r="2.5"/>', dots)
    inside = grid(y, marks, LEFT, WIDTH - 8) + drawn + single + _hovers(times, series, slot) + _below(times, slot)
    return frame(WIDTH, HEIGHT, label, mark_safe(inside))


def _runs(line: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Stretches of steps without a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(line):
        if value is not None:
            runs[-1].append((place, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _hovers(times: Sequence[datetime], series: Lines, slot: float) -> SafeString:
    """Unseen columns that tell every value of a step."""
    columns = []
    for place, at in enumerate(times):
        told = [f"{name} {amount(line[place])}" for name, line in series.items() if line[place] is not None]
        if told:
            columns.append((round(LEFT + place * slot, 2), round(slot, 2), f"{_moment(at)}: {', '.join(told)}"))
    return format_html_join(
        "",
        f'<rect fill="transparent" x="{{}}" y="{TOP}" width="{{}}" height="{BOTTOM - TOP}"><title>{{}}</title></rect>',
        columns,
    )


def _below(times: Sequence[datetime], slot: float) -> SafeString:
    """Three moments: with dates where the chart is longer than a day."""
    is_long = times[-1] - times[0] > timedelta(days=1)
    places = sorted({0, len(times) // 2, len(times) - 1})
    anchors = ["start", "middle", "end"] if len(places) == 3 else ["start", "end"]
    rows = []
    for place, anchor in zip(places, anchors, strict=False):
        at = times[place]
        middle = {"start": LEFT, "end": WIDTH - 8}.get(anchor, LEFT + (place + 0.5) * slot)
        rows.append((round(middle, 2), BOTTOM + 20, anchor, f"{at.day} {at:%b}" if is_long else f"{at:%H:%M}"))
    return format_html_join("", '<text x="{}" y="{}" text-anchor="{}">{}</text>', rows)


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%b %H:%M} UTC"


def _whole_ticks(most: int) -> list[float]:
    """Counts have no halves."""
    return sorted({float(int(mark)) for mark in ticks(0, most, 3)}) if most > 2 else [0.0, float(most)]
