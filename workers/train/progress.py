"""What the child tells its supervisor: one JSON object per line, appended to a file that outlives the child."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from contracts.jobs import CandidateReport


class Progress:
    """Kinds of lines: progress, point, log, candidate, checkpoint."""

    def __init__(self, path: Path) -> None:
        # Line buffered and append-only: a reader never sees half a line that later changes.
        self._file = path.open("a", buffering=1, encoding="utf-8")
        self.candidates: dict[str, CandidateReport] = {}
        self._state = "running"
        self._stage = ""
        self._alive_at = 0.0

    def close(self) -> None:
        self._file.close()

    def _write(self, kind: str, **values: Any) -> None:
        self._alive_at = time.monotonic()
        self._file.write(json.dumps({"kind": kind, **values}) + "\n")

    def stage(self, stage: str, progress: float, *, state: str = "", eta_seconds: float | None = None) -> None:
        self._stage, self._state = stage, state or self._state
        self._write("progress", state=self._state, stage=stage, progress=round(progress, 4), eta_seconds=eta_seconds)

    def alive(self) -> None:
        """Sign of life for the stall watchdog; at most one line a second."""
        if time.monotonic() - self._alive_at > 1.0:
            self._write("alive")

    def log(self, line: str) -> None:
        self._write("log", line=line)

    def point(self, family: int, step: int, **values: float) -> None:
        self._write("point", point={"family": float(family), "step": float(step), **values})

    def candidate(self, family: str, **changes: Any) -> None:
        known = self.candidates.get(family) or CandidateReport(family=family, state="waiting")
        self.candidates[family] = dataclasses.replace(known, **changes)
        self._write("candidate", candidate=dataclasses.asdict(self.candidates[family]))

    def checkpoint(self, step: int, name: str, sha256: str) -> None:
        self._write("checkpoint", step=step, name=name, sha256=sha256)
