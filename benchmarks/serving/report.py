"""The figures as text: a table per task with ratios to Modelyard, the targets, and what growth costs."""

from typing import Any

from benchmarks.serving.modelyard import EVERYTHING

Rows = list[dict[str, Any]]
NO_FSYNC, ALL_OFF = "Modelyard, without fdatasync", "Modelyard, all off"
TARGETS = [  # whose rate, least ratio of Modelyard's rate to it at 16 and at 64 connections
    ("mosec, the better batch", ("mosec, batch 16", "mosec, batch 64"), 2, 2),
    ("FastAPI, tuned", ("FastAPI, tuned",), 4, 5),
    ("Triton (pytriton)", ("Triton (pytriton)",), 10, 10),
    ("LitServe", ("LitServe",), 12, 20),
    ("BentoML", ("BentoML",), 12, 20),
    ("MLServer", ("MLServer",), 12, 20),
    ("KServe", ("KServe",), 12, 20),
    ("DRF with key, throttle, row", ("DRF",), 80, 100),
]


def find(rows: Rows, name: str, connections: int) -> dict[str, Any] | None:
    return next((row for row in rows if (row["name"], row["connections"]) == (name, connections)), None)


def lines_of(task: dict[str, Any]) -> list[list[str]]:
    """Cells per row: name, connections, rate, p50, p99, CPU per 1,000, memory, failures, ratio to us, of bare."""
    found = []
    for row in sorted(task["rows"], key=lambda one: (one["connections"], -one["rate"])):
        ours = find(task["rows"], EVERYTHING, row["connections"])
        ratio = f"{ours['rate'] / row['rate']:.1f}×" if ours and row["rate"] and row is not ours else ""
        found.append(
            [
                row["name"],
                str(row["connections"]),
                f"{row['rate']:,.0f}" if row["rate"] >= 100 else f"{row['rate']:.1f}",
                f"{row['p50_ms']:.2f}",
                f"{row['p99_ms']:.2f}",
                f"{row['cpu_s_per_1000']:.3f}",
                f"{row['pss_mb']:,.0f}",
                f"{row['failed']:.0f}",
                ratio,
                f"{row['rate'] / task['bare']['rows_per_s']:.0%}",
            ]
        )
    return found


HEAD = ["server", "connections", "requests/s", "p50 ms", "p99 ms", "CPU s per 1,000", "PSS MB", "failed"]
HEAD += ["Modelyard is", "of bare"]


def targets(told: dict[str, Any]) -> list[list[str]]:
    """What was aimed at, at 16 and 64 connections, against what was measured; empty where it was not."""
    tasks = {task["task"]: task for task in told["tasks"]}
    found = []
    if "table" in tasks:
        rows = tasks["table"]["rows"]
        found += [_beside(rows, name, peers, at_16, at_64) for name, peers, at_16, at_64 in TARGETS]
        found += [_price(rows, NO_FSYNC, 15, 10), _price(rows, EVERYTHING, 45, 30)]
        found.append(_at_most(rows, "p99 at 16 connections", 16, "p99_ms", 2.0, "ms"))
        found.append(_at_most(rows, "p50 at 1 connection", 1, "p50_ms", 0.25, "ms"))
        found.append(_memory(rows))
    for name, least in (("image", 95), ("text", 105)):
        if name in tasks:
            found.append(_of_bare(tasks[name], least))
            found.append(_added(tasks[name]))
    return [line for line in found if line]


def _beside(rows: Rows, title: str, peers: tuple[str, ...], least_16: float, least_64: float) -> list[str]:
    cells = [f"times the rate of {title}"]
    for connections, least in ((16, least_16), (64, least_64)):
        ours = find(rows, EVERYTHING, connections)
        theirs = [row["rate"] for name in peers if (row := find(rows, name, connections))]
        if not ours or not theirs or not max(theirs):
            return []
        cells += [f"≥ {least:g}×", f"{ours['rate'] / max(theirs):.1f}×"]
    return cells


def _price(rows: Rows, name: str, most_16: float, most_64: float) -> list[str]:
    cells = ["rate given up for limits, lease and journal" + (", without fdatasync" if name == NO_FSYNC else "")]
    for connections, most in ((16, most_16), (64, most_64)):
        ours, off = find(rows, name, connections), find(rows, ALL_OFF, connections)
        if not ours or not off:
            return []
        cells += [f"≤ {most:g} %", f"{(1 - ours['rate'] / off['rate']) * 100:.0f} %"]
    return cells


def _at_most(rows: Rows, title: str, connections: int, key: str, most: float, unit: str) -> list[str]:
    ours = find(rows, EVERYTHING, connections)
    return [title, f"≤ {most:g} {unit}", f"{ours[key]:.2f} {unit}", "", ""] if ours else []


def _memory(rows: Rows) -> list[str]:
    ours = find(rows, EVERYTHING, 16)
    return ["memory of one serving process and Valkey", "≤ 200 MB", f"{ours['pss_mb']:.0f} MB", "", ""] if ours else []


def _of_bare(task: dict[str, Any], least: float) -> list[str]:
    ours = find(task["rows"], EVERYTHING, 16)
    share = ours["rate"] / task["bare"]["rows_per_s"] if ours else 0
    title = f"{task['task']}: of bare ONNX Runtime's best arrangement"
    return [title, f"≥ {least:g} %", f"{share:.0%}", "", ""] if ours else []


def _added(task: dict[str, Any]) -> list[str]:
    ours = find(task["rows"], EVERYTHING, 1)
    if not ours:
        return []
    added_ms = ours["p50_ms"] - task["bare"]["single_p50_ms"]
    return [f"{task['task']}: p50 added to a bare call, 1 connection", "≤ 1 ms", f"{added_ms:.2f} ms", "", ""]


GROWTH_HEAD = ["what", "count", "connections", "requests/s", "p50 ms", "p99 ms", "CPU s per 1,000", "PSS MB", "failed"]
GROWTH_HEAD += ["ready after s"]


def growth_lines(told: dict[str, Any]) -> list[list[str]]:
    return [
        [
            row["what"],
            f"{row['count']:,}",
            str(row["connections"]),
            f"{row['rate']:,.0f}",
            f"{row['p50_ms']:.2f}",
            f"{row['p99_ms']:.2f}",
            f"{row['cpu_s_per_1000']:.3f}",
            f"{row['pss_mb']:,.0f}",
            f"{row['failed']}",
            f"{row['ready_s']:.0f}",
        ]
        for row in told["growth"]
    ]


TARGET_HEAD = ["target", "aim, 16", "measured", "aim, 64", "measured"]


def text(told: dict[str, Any]) -> str:
    """Everything for a terminal."""
    parts = []
    for task in told["tasks"]:
        bare = task["bare"]
        parts.append(f"{task['task']}: bare {bare['rows_per_s']:,.0f} rows/s ({bare['arrangement']})")
        parts.append(_columns([HEAD, *lines_of(task)]))
    if lines := targets(told):
        parts.append(_columns([TARGET_HEAD, *lines]))
    if told["growth"]:
        parts.append(_columns([GROWTH_HEAD, *growth_lines(told)]))
    return "\n\n".join(parts)


def _columns(lines: list[list[str]]) -> str:
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join("  ".join(_padded(line, widths)) for line in lines)


def _padded(line: list[str], widths: list[int]) -> list[str]:
    first, *others = zip(line, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
