"""Where a machine tells how much electricity it draws: the GPUs' counters, the processor's, or an estimate."""

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any

# A busy core of a server processor draws about this much, its share of memory and fans included.
WATTS_PER_CORE = float(os.environ.get("TRAIN_WATTS_PER_CORE", "10"))
RAPL_COUNTER = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


def rapl_uj() -> int | None:
    """Microjoules of the whole processor since some moment; None where the counter cannot be read."""
    try:
        return int(RAPL_COUNTER.read_text())
    except (OSError, ValueError):
        return None


def nvml_handles() -> tuple[Any, list[Any]] | None:
    """The NVML module and a handle per GPU, when its Python binding is installed and a driver is there."""
    if importlib.util.find_spec("pynvml") is None:
        return None
    nvml = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
        handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return None
    return (nvml, handles) if handles else None


def nvml_watts(found: tuple[Any, list[Any]]) -> float:
    """What all GPUs draw at this moment."""
    nvml, handles = found
    return float(sum(nvml.nvmlDeviceGetPowerUsage(handle) for handle in handles)) / 1000
