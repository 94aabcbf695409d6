"""Points of calibration: is 80 % sure right 80 % of the time?"""

from collections.abc import Mapping, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.web.charts.scale import Axis, frame
from apps.web.numbers import percent


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
