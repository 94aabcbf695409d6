"""Virtual environments of a benchmark's peers: one per list of requirements, outside the repository, made once."""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

CACHE = Path(os.environ.get("MODELYARD_BENCH_CACHE") or "~/.cache/modelyard-bench").expanduser()


@dataclass(frozen=True)
class Environments:
    """The environments of the `with_*.txt` beside a benchmark's peers."""

    lists: Path
    folder: Path
    verb: str  # what to type to install them
    pythons: dict[str, str] = field(default_factory=dict)  # peers that need another interpreter than ours
    heavy: tuple[str, ...] = ()  # only when asked for by name

    def names(self) -> list[str]:
        found = sorted(path.stem.removeprefix("with_") for path in self.lists.glob("with_*.txt"))
        return [name for name in found if name not in self.heavy]

    def python_of(self, name: str) -> Path:
        return self.folder / name / "bin" / "python"

    def missing(self, name: str) -> str:
        """Why this peer cannot run; empty when its environment is complete."""
        marker = self._marker(name)
        if marker.exists() and marker.read_text() == self._digest(name):
            return ""
        failed = marker.with_name(".failed")
        return failed.read_text() if failed.exists() else f"not installed: run `{self.verb}`"

    def install(self, name: str) -> str:
        """Make the environment. Returns why it could not be made, or nothing."""
        if not self.missing(name):
            return ""
        python = Path(self.pythons.get(name, sys.executable))
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        failed = folder / ".failed"
        failed.unlink(missing_ok=True)
        if not python.exists():
            reason = f"needs {python}, which is not on this machine"
        else:
            reason = _run([str(python), "-m", "venv", "--clear", str(folder)]) or _run(self._pip_install(name))
        if reason:
            failed.write_text(reason)
            return reason
        self._marker(name).write_text(self._digest(name))
        return ""

    def install_all(self, only: list[str]) -> int:
        """Install and tell of each; returns how many could not be."""
        failures = 0
        for name in only or self.names():
            began_s = time.monotonic()
            reason = self.install(name)
            failures += bool(reason)
            print(f"{name:<14} {reason or 'ready'} ({time.monotonic() - began_s:.0f} s)", flush=True)
        return failures

    def _pip_install(self, name: str) -> list[str]:
        return [
            *(str(self.python_of(name)), "-m", "pip", "install", "--quiet"),
            *("--requirement", str(self.lists / f"with_{name}.txt")),
        ]

    def _marker(self, name: str) -> Path:
        return self.folder / name / ".installed"

    def _digest(self, name: str) -> str:
        return hashlib.sha256((self.lists / f"with_{name}.txt").read_bytes()).hexdigest()


def install_from_command_line(environments: Environments, description: str) -> int:
    """The verb behind `make bench-…-install`: returns the exit status."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[])
    return int(environments.install_all(parser.parse_args().only) > 0)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1][:300]
