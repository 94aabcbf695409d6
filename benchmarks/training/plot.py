"""The figures as one SVG: per set a line from the best contender (left) to the worst, and where everybody stands."""

from html import escape
from pathlib import Path

from benchmarks.training.contenders import MODELYARD, TITLES
from benchmarks.training.report import KindReport, SetReport
from benchmarks.training.sets import LOWER_IS_BETTER

LEFT, WIDTH, STEP = 170, 620, 34
OURS, OTHERS, LINE = "#2f6f4f", "#8a97a5", "#d9dee3"
FARTHEST = 0.3  # of the best figure; who is farther behind stands at the right end


def write(reports: list[KindReport], path: Path) -> None:
    """One row per set and budget; left is best, the right end is 30 % worse or more."""
    parts: list[str] = []
    y = 30
    for one in reports:
        parts.append(f'<text class="t" x="10" y="{y}">{escape(one.kind)}, {one.budget_s:.0f} s</text>')
        y += 24
        for report in one.sets:
            y = _row(parts, report, y)
        y += 14
    width = LEFT + WIDTH + 60
    style = "<style>text{font:12px system-ui,sans-serif;fill:#333}.t{font-weight:600;font-size:14px}</style>"
    frame = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img">'
    )
    title = "<title>How far each contender is behind the best on each set; left is best</title>"
    background = f'<rect width="{width}" height="{y}" fill="#fff"/>'
    path.write_text(f"{frame}{title}{style}{background}{''.join(parts)}</svg>\n")


def _row(parts: list[str], report: SetReport, y: int) -> int:
    """Append one set; return where the next begins. Modelyard is drawn last, on top."""
    values = {name: line.value for name, line in report.lines.items() if line.value is not None}
    if not values:
        return y
    lower = report.bench_set.metric in LOWER_IS_BETTER
    best = min(values.values()) if lower else max(values.values())
    label = f"{report.bench_set.name} ({report.bench_set.metric})"
    parts.append(f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(label)}</text>')
    parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{LEFT + WIDTH}" y2="{y}" stroke="{LINE}"/>')
    for name, value in sorted(values.items(), key=lambda pair: pair[0] == MODELYARD):
        behind = min(abs(value - best) / max(abs(best), 1e-9), FARTHEST)
        x = LEFT + WIDTH * behind / FARTHEST
        colour, radius = (OURS, 7) if name == MODELYARD else (OTHERS, 5)
        told = f"<title>{escape(TITLES[name])}: {value:.4g}</title>"
        parts.append(f'<circle cx="{x:.0f}" cy="{y}" r="{radius}" fill="{colour}" fill-opacity="0.8">{told}</circle>')
        if value == best:
            parts.append(f'<text x="{x + 10:.0f}" y="{y - 8}">{escape(TITLES[name])}</text>')
    return y + STEP
