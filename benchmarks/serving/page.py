"""Writes the generated part of docs/benchmarks.md: everything between its two markers, nothing else."""

from pathlib import Path
from typing import Any

from benchmarks.serving import report

BEGIN, END = "<!-- serving: begin, written by `make bench-serving` -->", "<!-- serving: end -->"
TITLES = {
    "table": "Table model, one row of 20 numbers per JSON request",
    "wide": "The same network with twenty inputs of one column each",
    "image": "EfficientNet-Lite0, one raw image of 224 by 224 pixels per request",
    "jpeg": "EfficientNet-Lite0, one JPEG of 640 by 480 pixels per request",
    "text": "Text encoder of MiniLM's size, 32 tokens per request",
}


def write(told: dict[str, Any], path: Path) -> None:
    """Replace the part between the markers. Raises ValueError when the page lacks them."""
    page = path.read_text()
    if told["device"] == "cuda":
        begin, end = BEGIN.replace("serving:", "serving-cuda:"), END.replace("serving:", "serving-cuda:")
    else:
        begin, end = BEGIN, END
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{path} lacks the markers {begin!r} and {end!r}")
    path.write_text(f"{before}{begin}\n\n{_generated(told)}\n{end}{after}")


def _generated(told: dict[str, Any]) -> str:
    machine = told["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    device = "" if told["device"] == "cpu" else f", on {machine['device']}"
    parts = [
        f"Measured {machine['at']}{device}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; {versions}. "
        f"Load average {machine['load_before']} before and {machine['load_after']} after. "
        f"Load from {told['generator']}; medians of {told['rounds']} rounds of "
        f"{told['seconds']} s, interleaved. The whole run took {told['took_s']} s."
    ]
    parts.append(f"![requests per second](benchmarks-serving{'' if told['device'] == 'cpu' else '-cuda'}.svg)")
    if lines := report.targets(told):
        parts += ["### Targets", _table(report.TARGET_HEAD, lines)]
    for task in told["tasks"]:
        parts += _task(task)
    if told["growth"]:
        parts += ["### More endpoints, more keys", _table(report.GROWTH_HEAD, report.growth_lines(told))]
    return "\n\n".join(parts) + "\n"


def _task(task: dict[str, Any]) -> list[str]:
    bare = task["bare"]
    limit = (
        f"Bare ONNX Runtime in a loop: {bare['rows_per_s']:,.0f} rows/s at best ({bare['arrangement']}), "
        f"{bare['single_rows_per_s']:,.0f} calls/s and {bare['single_p50_ms']:.2f} ms with one thread and one row."
    )
    parts = [f"### {TITLES[task['task']]}", limit, _table(report.HEAD, report.lines_of(task))]
    shares = {row["name"]: row["idle_cpu_share"] for row in task["rows"]}
    noisy = [f"{name} {share:.1%}" for name, share in shares.items() if share > 0.01]
    if noisy:
        parts.append(f"Share of a core used while nobody asks: {', '.join(noisy)}.")
    parts += [f"Not in this table: {_first_line(reason)}" for reason in task["absent"]]
    return parts


def _first_line(reason: str) -> str:
    return reason.splitlines()[0].partition("; its log ends")[0][:200].replace("|", "/")


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
