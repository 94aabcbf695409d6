"""A progress line that rewrites itself on a terminal and prints on change elsewhere."""

import shutil
import sys
import time
from typing import Any

_QUIET_S = 5.0  # without a terminal: at most one line per this many seconds


class LiveLine:
    """Shows the newest text in place; leaving the context keeps the last one."""

    def __enter__(self) -> "LiveLine":
        self._is_terminal = sys.stdout.isatty()
        self._last = ""
        self._shown_at = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_terminal and self._last:
            print(flush=True)

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + text[:width].ljust(width), end="", flush=True)
        elif text != self._last and time.monotonic() - self._shown_at > _QUIET_S:
            print(text, flush=True)
            self._shown_at = time.monotonic()
        self._last = text


def describe_run(run: dict[str, Any]) -> str:
    """One line about a run: state, progress, candidates, the best so far, time left."""
    candidates = run.get("candidates") or []
    done = [candidate for candidate in candidates if candidate["state"] == "done"]
    best = next((candidate for candidate in candidates if candidate.get("is_best")), None)
    parts = [f"          {run['state']:<10} {100 * (run.get('progress') or 0):3.0f} %"]
    if run["state"] == "queued":
        queue = run.get("queue") or {}
        place = f"position {queue['position']}: " if queue.get("position") else ""
        parts.append(place + (queue.get("reason") or "waiting for a worker"))
    if candidates:
        parts.append(f"{len(done)} of {len(candidates)} candidates")
    if best and best.get("metrics"):
        name, value = next(iter(best["metrics"].items()))
        parts.append(f"best {best['family']} {name} {value:.3f}")
    if run.get("eta_seconds") is not None and run["state"] not in ("succeeded", "failed", "cancelled"):
        parts.append(f"about {max(0, run['eta_seconds']):.0f} s left")
    return " · ".join(parts)
