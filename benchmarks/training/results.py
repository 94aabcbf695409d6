"""Every single result, kept in one JSON file that is written after each, so that a broken-off run can go on."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Result:
    """One contender on one set with one budget and one seed; either figures or a failure."""

    set: str
    contender: str
    budget_s: float
    seed: int
    at: str
    load: float  # average of the machine just before
    figures: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(
        default_factory=dict
    )  # used_s, wall_s, predict_s, latency_ms, model_bytes, versions, note
    failure: str = ""

    @property
    def key(self) -> tuple[str, str, float, int]:
        return self.set, self.contender, self.budget_s, self.seed


class Results:
    """What is known so far. A new result replaces the one of the same set, contender, budget and seed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        told = json.loads(path.read_text()) if path.exists() else {"results": [], "machine": {}}
        self.machine: dict[str, Any] = told["machine"]  # of the newest result
        self._known = {result.key: result for result in (Result(**one) for one in told["results"])}

    def __iter__(self) -> Iterator[Result]:
        return iter(self._known.values())

    def has(self, key: tuple[str, str, float, int]) -> bool:
        """Whether there are figures; a failure is tried again."""
        return key in self._known and not self._known[key].failure

    def add(self, result: Result, machine: dict[str, Any]) -> None:
        """Remember and save, at once or not at all."""
        self._known[result.key] = result
        self.machine = machine
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        told = {"machine": machine, "results": [asdict(one) for one in self._known.values()]}
        draft.write_text(json.dumps(told, indent=1))
        os.replace(draft, self._path)
