"""Points: calibration (is 80 % sure right 80 % of the time?) and the trade of quality against speed."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.web.charts.scale import Axis, frame, grid, ticks
from apps.web.numbers import amount, percent


def calibration(points: Sequence[Mapping[str, float]]) -> SafeString:
    """Bubbles sized by how many rows they hold, against the diagonal of perfect honesty."""
    used = [point for point in points if point.get("count")]
    if not used:
        return SafeString("")
    width, height, left, bottom = 420, 334, 48, 282
    x, y = Axis(0, 1, left, width - 12), Axis(0, 1, bottom, 12)
    most = max(point["count"] for point in used)
    bubbles = [
        (
            x.place(point["confidence"]),
            y.place(point["accuracy"]),
            round(4 + 9 * (point["count"] / most) ** 0.5, 1),
            f"{int(point['count'])} rows: {percent(point['confidence'])} sure, {percent(point['accuracy'])} right",
        )
        for point in used
    ]
    drawn = format_html_join(
        "", '<circle class="point fill-1" fill-opacity="0.8" cx="{}" cy="{}" r="{}"><title>{}</title></circle>', bubbles
    )
    diagonal = format_html('<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>', x.start, y.start, x.end, y.end)
    rows = [(0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1, "100 %")]
    side = format_html_join(
        "",
        '<line class="gridline" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
        '<text x="{3}" y="{4}" text-anchor="end">{5}</text>',
        [(left, width - 12, y.place(mark), left - 6, y.place(mark) + 4, text) for mark, text in rows],
    )
    below = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        [(x.place(mark), bottom + 18, text) for mark, text in rows],
    )
    title = format_html(
        '<text x="{}" y="{}" text-anchor="middle">{}</text>', (left + width) / 2, height - 4, "how sure the model was"
    )
    inside = side + below + diagonal + drawn + title
    return frame(width, height, "Share of right answers by confidence", mark_safe(inside))


def trade(points: Sequence[Mapping[str, Any]], metric: str) -> SafeString:
    """Candidates by milliseconds per row and score; a line joins those that none beats in both, the best is green."""
    if len(points) < 2:
        return SafeString("")
    width, height, left, bottom = 420, 240, 56, 200
    across, up = [p["latency_ms"] for p in points], [p["score"] for p in points]
    x_marks = ticks(0, max(across) * 1.1, 4)
    pad = (max(up) - min(up)) * 0.2 or abs(max(up)) * 0.1 or 0.1
    y_marks = ticks(min(up) - pad, max(up) + pad, 3)
    x, y = Axis(x_marks[0], x_marks[-1], left, width - 30), Axis(y_marks[0], y_marks[-1], bottom, 16)
    places = [
        (
            "good-fill" if p["is_best"] else "muted-fill",
            x.place(p["latency_ms"]),
            y.place(p["score"]),
            f"{p['name']}: {amount(p['score'])} {metric}, {amount(p['latency_ms'])} ms a row",
            x.place(p["latency_ms"]) + (10 if x.place(p["latency_ms"]) < width * 0.6 else -10),
            "start" if x.place(p["latency_ms"]) < width * 0.6 else "end",
            p["name"].replace("_", " "),
        )
        for p in points
    ]
    drawn = format_html_join(
        "",
        '<circle class="point {0}" cx="{1}" cy="{2}" r="6"><title>{3}</title></circle>'
        '<text class="name" x="{4}" y="{2}" dy="4" text-anchor="{5}">{6}</text>',
        places,
    )
    below = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        [(x.place(m), bottom + 18, amount(m)) for m in x_marks],
    )
    title = format_html('<text x="{}" y="{}" text-anchor="middle">ms per row</text>', (left + width) / 2, height - 4)
    ends = sorted((p for p in points if p.get("on_frontier")), key=lambda p: p["latency_ms"])
    line = " ".join(f"{x.place(p['latency_ms'])},{y.place(p['score'])}" for p in ends)
    frontier = format_html('<polyline class="line line-2" points="{}"/>', line) if len(ends) > 1 else SafeString("")
    inside = grid(y, y_marks, left, width - 30) + below + frontier + drawn + title
    return frame(width, height, "Quality against speed", mark_safe(inside))
