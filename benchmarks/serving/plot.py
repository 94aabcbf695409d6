"""The figures as one SVG: a bar per server and task, length by requests per second on a logarithmic scale."""

import math
from html import escape
from pathlib import Path
from typing import Any

LEFT, WIDTH, BAR, GAP = 300, 560, 16, 6
OURS, OTHERS, LIMIT = "#2f6f4f", "#8a97a5", "#c98a2b"


def write(told: dict[str, Any], path: Path) -> None:
    """One panel per task at 16 connections (or the nearest measured)."""
    parts: list[str] = []
    y = 10
    for task in told["tasks"]:
        if not task["rows"]:
            continue
        counts = sorted({row["connections"] for row in task["rows"]}, key=lambda count: abs(count - 16))
        rows = [row for row in task["rows"] if row["connections"] == counts[0]]
        bars = [(row["name"], row["rate"], OURS if row["name"].startswith("Modelyard") else OTHERS) for row in rows]
        bars.append(("bare ONNX Runtime", task["bare"]["rows_per_s"], LIMIT))
        y = _panel(parts, f"{task['task']}, {counts[0]} connections, requests/s", bars, y)
    width = LEFT + WIDTH + 110
    style = "<style>text{font:12px system-ui,sans-serif;fill:#333}.t{font-weight:600;font-size:14px}</style>"
    frame = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img">'
    )
    title = "<title>Requests per second of each server, logarithmic scale</title>"
    background = f'<rect width="{width}" height="{y}" fill="#fff"/>'
    path.write_text(f"{frame}{title}{style}{background}{''.join(parts)}</svg>\n")


def _panel(parts: list[str], title: str, bars: list[tuple[str, float, str]], y: int) -> int:
    """Append one panel; return where the next begins."""
    least = 10 ** math.floor(math.log10(max(min(rate for _, rate, _ in bars), 1)))
    most = max(rate for _, rate, _ in bars)
    scale = WIDTH / max(math.log10(most / least), 0.1)
    parts.append(f'<text class="t" x="10" y="{y + 14}">{escape(title)}</text>')
    y += 26
    for name, rate, colour in sorted(bars, key=lambda bar: -bar[1]):
        length = max(scale * math.log10(max(rate, least) / least), 2)
        middle = y + BAR - 4
        parts.append(f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR}" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + length + 6:.0f}" y="{middle}">{rate:,.0f}</text>')
        y += BAR + GAP
    return y + 16
