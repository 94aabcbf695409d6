"""Writes the part of docs/benchmarks.md on training: everything between its two markers, nothing else."""

from pathlib import Path
from typing import Any

from benchmarks.training import report
from benchmarks.training.report import KindReport

BEGIN, END = "<!-- training: begin, written by `make bench-training` -->", "<!-- training: end -->"


def write(reports: list[KindReport], machine: dict[str, Any], path: Path) -> None:
    """Replace the part between the markers. Raises ValueError when the page lacks them."""
    before, found, rest = path.read_text().partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{path} lacks the markers {BEGIN!r} and {END!r}")
    path.write_text(f"{before}{BEGIN}\n\n{_generated(reports, machine)}\n{END}{after}")


def _generated(reports: list[KindReport], machine: dict[str, Any]) -> str:
    parts = [
        f"Measured {machine['at']}: {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}. Load average {machine['load_before']} before. "
        "Bold is best; floor, peer and target were measured before on the same splits. Latency is that of one row: "
        "Modelyard's file in ONNX Runtime on one thread, a peer's own predict.",
        "![training: distance to the best on each set](benchmarks-training.svg)",
    ]
    if len(rows := report.target_table(reports)) > 1:
        parts += ["### Modelyard beside the best peer", _table(rows)]
    for one in reports:
        parts += [f"### {one.kind}, {one.budget_s:.0f} s", _table(_turned(one)), _table(report.cost_table(one))]
    parts += [f"No figures: {line.replace('|', '/')}." for line in report.failures(reports)]
    return "\n\n".join(parts) + "\n"


def _turned(one: KindReport) -> list[list[str]]:
    """Sets side by side, contenders below one another: pages are higher than wide."""
    return [list(column) for column in zip(*report.quality_table(one), strict=True)]


def _table(rows: list[list[str]]) -> str:
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)
