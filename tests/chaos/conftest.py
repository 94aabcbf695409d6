"""Collects what each kill test measured and prints it at the end, one line per promise with its bound."""

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("CHAOS_SEED", "1"))
IS_LONG = os.environ.get("CHAOS") == "long"


@dataclass(frozen=True)
class Figure:
    promise: int  # its number; 0: no number of its own
    what: str
    measured: float
    bound: str
    holds: bool


class Promises:
    """Each call notes a figure and fails the test when the bound is broken."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def at_most(self, promise: int, what: str, measured: float, bound: float) -> None:
        self._note(Figure(promise, what, measured, f"≤ {bound:g}", measured <= bound))

    def at_least(self, promise: int, what: str, measured: float, bound: float) -> None:
        self._note(Figure(promise, what, measured, f"≥ {bound:g}", measured >= bound))

    def exactly(self, promise: int, what: str, measured: float, bound: float) -> None:
        self._note(Figure(promise, what, measured, f"= {bound:g}", measured == bound))

    def seen(self, promise: int, what: str, measured: float) -> None:
        """A figure that no bound judges: how much was tried."""
        self._note(Figure(promise, what, measured, "", True))

    def _note(self, figure: Figure) -> None:
        self.figures.append(figure)
        assert figure.holds, f"promise {figure.promise}, {figure.what}: {figure.measured:g}, promised {figure.bound}"


_PROMISES = Promises()


@pytest.fixture(scope="session")
def promises() -> Promises:
    return _PROMISES


def pytest_terminal_summary(terminalreporter: Any) -> None:
    figures = _PROMISES.figures
    if not figures:
        return
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    terminalreporter.section(f"promises, seed={SEED} commit={commit.stdout.strip() or 'unknown'}")
    for one in sorted(figures, key=lambda figure: figure.promise):
        verdict = "" if not one.bound else f"  ({one.bound})" if one.holds else f"  BROKEN, promised {one.bound}"
        terminalreporter.write_line(f"{one.promise or '':>3}  {one.what}: {one.measured:,.6g}{verdict}")
    if IS_LONG:
        folder = ROOT / "var" / "benchmarks"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "chaos.json").write_text(json.dumps([asdict(one) for one in figures], indent=1))
