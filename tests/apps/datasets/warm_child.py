"""Checks uploads in forks of one warmed child: the same walls and ends as in production, without Python's start.

Each file still has a process of its own that may die of it; only the imports, most of a check's time, are shared.
"""

import json
import subprocess
import sys
from pathlib import Path

from apps.datasets.services.examine_upload import child_environment


class WarmChild:
    """Takes the place of `examine_upload._run`, and knows how much computing the last file took."""

    def __init__(self, folder: Path) -> None:
        self.spent_s = 0.0
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-m", "tests.apps.datasets.forking_child"],
            cwd=folder,
            env=child_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, wall_s: float) -> int | None:
        """Return the exit code, or None when the time was up."""
        asked = {"folder": str(folder), "wall_s": wall_s, "environment": child_environment(folder)}
        code, self.spent_s = json.loads(self._told(json.dumps(asked)))
        return code

    def close(self) -> None:
        """The process ends with its input."""
        self._process.communicate(timeout=20)

    def _told(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()
