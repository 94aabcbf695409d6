"""Gives every peer a virtual environment of its own, outside the repository, once per list of requirements.

    python benchmarks/serving/install.py [--only litserve mosec] [--with-ray]

The environments lie under $MODELYARD_BENCH_CACHE, by default ~/.cache/modelyard-bench.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

PEERS = Path(__file__).with_name("peers")
CACHE = Path(os.environ.get("MODELYARD_BENCH_CACHE") or "~/.cache/modelyard-bench").expanduser()
SYSTEM_PYTHON = {"pytriton": "/usr/bin/python3.11"}  # its Triton embeds the shared libpython of the system
HEAVY = ("ray",)  # several hundred megabytes and slow to start: only when asked for


def names(with_heavy: bool = False) -> list[str]:
    """Every peer that has a list of requirements."""
    found = sorted(path.stem.removeprefix("with_") for path in PEERS.glob("with_*.txt"))
    return [name for name in found if with_heavy or name not in HEAVY]


def python_of(name: str) -> Path:
    return CACHE / "environments" / name / "bin" / "python"


def missing(name: str) -> str:
    """Why this peer cannot run; empty when its environment is complete."""
    if _marker(name).exists() and _marker(name).read_text() == _digest(name):
        return ""
    failed = _marker(name).with_name(".failed")
    return failed.read_text() if failed.exists() else "not installed: run `make bench-serving-install`"


def install(name: str) -> str:
    """Make the environment. Returns why it could not be made, or nothing."""
    if not missing(name):
        return ""
    python = SYSTEM_PYTHON.get(name, sys.executable)
    folder = python_of(name).parent.parent
    folder.mkdir(parents=True, exist_ok=True)
    failed = folder / ".failed"
    failed.unlink(missing_ok=True)
    if not Path(python).exists():
        reason = f"needs {python}, which is not on this machine"
    else:
        reason = _run([python, "-m", "venv", "--clear", str(folder)]) or _run(
            [str(python_of(name)), "-m", "pip", "install", "--quiet", "--requirement", str(PEERS / f"with_{name}.txt")]
        )
    if reason:
        failed.write_text(reason)
        return reason
    _marker(name).write_text(_digest(name))
    return ""


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1][:300]


def _marker(name: str) -> Path:
    return python_of(name).parent.parent / ".installed"


def _digest(name: str) -> str:
    return hashlib.sha256((PEERS / f"with_{name}.txt").read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--with-ray", action="store_true")
    asked = parser.parse_args()
    failures = 0
    for name in asked.only or names(asked.with_ray):
        began = time.monotonic()
        reason = install(name)
        failures += bool(reason)
        print(f"{name:<10} {reason or 'ready'} ({time.monotonic() - began:.0f} s)", flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
