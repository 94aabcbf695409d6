"""The confined process: reads request.json in its folder, checks the upload, writes result.json and the canonical file.

Started as `python -m apps.datasets.checking.child PARENT_PID` with that folder as working directory. Everything it will
need is imported before the walls go up, because behind them it may not even read its own source code.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from apps.datasets.checking.cleaning import json_safe
from apps.datasets.checking.confinement import confine
from apps.datasets.checking.findings import Notes, Refusal, Report
from apps.datasets.checking.preload import warm
from apps.datasets.checking.sniffing import recognise
from apps.datasets.checking.tables import check_table
from apps.datasets.checking.zip_images import check_images


def main() -> None:
    """1. read what is asked 2. confine 3. check 4. write the answer."""
    warm()
    folder = Path(".")  # relative, because the folders above may be closed to the child's own user
    request = json.loads((folder / "request.json").read_text("utf-8"))
    walls = confine(parent_pid=int(sys.argv[1]), cpu_s=request["cpu_s"], uid=request["uid"])
    answer = examine(folder, request["file_name"], request["options"])
    answer["walls"] = walls
    draft = folder / "result.draft"
    draft.write_text(json.dumps(json_safe(answer), allow_nan=False), "utf-8")
    draft.rename(folder / "result.json")


def examine(folder: Path, file_name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return {"outcome": "ready", …report…} or {"outcome": "refused", "issues"}."""
    notes = Notes()
    try:
        report = _check(folder, file_name, options, notes)
    except Refusal as refusal:
        found = [*refusal.issues, *notes.issues]
        return {"outcome": "refused", "issues": [issue.as_dict() for issue in found]}
    except (MemoryError, OverflowError) as error:  # more than the limits allow: the file asks for it
        message = f"Reading the file needs more memory than allowed ({error})."
        too_much = Refusal("yours:file-unreadable", message)
        return {"outcome": "refused", "issues": [issue.as_dict() for issue in too_much.issues]}
    return {"outcome": "ready", **asdict(report), "issues": [issue.as_dict() for issue in notes.issues]}


def _check(folder: Path, file_name: str, options: dict[str, Any], notes: Notes) -> Report:
    upload = recognise(folder / "upload", file_name, folder)
    if upload.format == "zip":
        return check_images(upload.path, options, notes)
    return check_table(upload, folder, options, notes)


if __name__ == "__main__":
    main()
