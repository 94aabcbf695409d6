"""What the benchmark ran on, in words that a reader can compare."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("onnxruntime", "numpy", "uvloop", "httptools", "orjson", "hiredis")


def describe_machine(device: str) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "load_before": round(os.getloadavg()[0], 2),
        "device": _graphics() if device == "cuda" else "cpu",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str) -> str:
    for wheel in (name, f"{name}-gpu"):
        try:
            return version(wheel)
        except ModuleNotFoundError:
            continue
    return "not installed"


def _graphics() -> str:
    found = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    names = [
        line.partition(":")[2].strip() for path in found for line in path.read_text().splitlines() if "Model" in line
    ]
    return ", ".join(names) or "no NVIDIA device found"
