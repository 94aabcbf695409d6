"""All a run needs to go on elsewhere, in one safetensors file: arrays as tensors, the rest as JSON in the header.

A checkpoint holds the fits that are finished and the one under way. Random numbers need no state of their own: each
round of a fit draws from a seed derived from (run seed, fit, round), so "round 12 comes next" is the whole position.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from workers.train.progress import Progress

EVERY_S = 10.0  # work under way is saved this often; the supervisor uploads it at once


@dataclass
class Saved:
    """State of one fit: `facts` is JSON, `arrays` are numpy arrays."""

    facts: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class Checkpoints:
    def __init__(
        self, folder: Path, identity: str, progress: Progress, resume_from: Path | None = None, every_s: float = EVERY_S
    ) -> None:
        self._every_s = every_s
        self._folder = folder
        self._identity = identity
        self._progress = progress
        self._saved_at = time.monotonic()
        self._is_behind = False
        self.step = 0
        self._finished: dict[str, Saved] = {}
        self._partial: dict[str, Saved] = {}
        if resume_from is not None:
            self._load(resume_from)

    def finished(self, key: str) -> Saved | None:
        return self._finished.get(key)

    def partial(self, key: str) -> Saved | None:
        return self._partial.get(key)

    def finish(self, key: str, saved: Saved) -> None:
        self._partial.pop(key, None)
        self._finished[key] = saved
        self._write()

    def keep(self, key: str, saved: Saved) -> None:
        """Like `finish`, for short fits: written with the next checkpoint that is due, at most `every_s` later."""
        self._partial.pop(key, None)
        self._finished[key] = saved
        self._is_behind = True
        if time.monotonic() - self._saved_at >= self._every_s:
            self._write()

    def flush(self) -> None:
        """Write what `keep` put off."""
        if self._is_behind:
            self._write()

    def offer(self, key: str, make: Callable[[], Saved]) -> None:
        """Save work under way when `every_s` have passed since the last time; `make` is called only then."""
        if time.monotonic() - self._saved_at >= self._every_s:
            self._partial[key] = make()
            self._write()

    def _load(self, path: Path) -> None:
        with safe_open(path, framework="numpy") as file:
            head = json.loads((file.metadata() or {}).get("modelyard", "{}"))
            if head.get("identity") != self._identity:
                self._progress.log("The checkpoint belongs to other data or settings; starting afresh.")
                return
            self.step = head["step"]
            for group, fits in (("finished", self._finished), ("partial", self._partial)):
                for key, entry in head[group].items():
                    arrays = {name: file.get_tensor(f"{group}/{key}/{name}") for name in entry["arrays"]}
                    fits[key] = Saved(entry["facts"], arrays)
        self._progress.log(f"Resumed from checkpoint {self.step}.")

    def _write(self) -> None:
        """1. serialise 2. write beside 3. fsync 4. rename 5. fsync the folder 6. announce: never half a checkpoint."""
        self.step += 1
        tensors: dict[str, np.ndarray] = {}
        head: dict[str, Any] = {"identity": self._identity, "step": self.step, "finished": {}, "partial": {}}
        for group, fits in (("finished", self._finished), ("partial", self._partial)):
            for key, saved in fits.items():
                head[group][key] = {"facts": saved.facts, "arrays": list(saved.arrays)}
                for name, array in saved.arrays.items():
                    tensors[f"{group}/{key}/{name}"] = np.ascontiguousarray(array)
        raw = save(tensors, metadata={"modelyard": json.dumps(head)})
        name = f"checkpoint-{self.step:06d}.safetensors"
        write_durably(self._folder / name, raw)
        for old in sorted(self._folder.glob("checkpoint-*.safetensors"))[:-2]:
            old.unlink(missing_ok=True)
        self._saved_at, self._is_behind = time.monotonic(), False
        self._progress.checkpoint(self.step, name, hashlib.sha256(raw).hexdigest())


def write_durably(path: Path, raw: bytes) -> None:
    beside = path.with_suffix(path.suffix + ".part")
    with beside.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def newest(folder: Path) -> Path | None:
    found = sorted(folder.glob("checkpoint-*.safetensors"))
    return found[-1] if found else None
