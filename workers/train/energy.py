"""How much electricity a run used: measured where the machine tells, estimated from CPU time where it does not.

Best source first: the GPU's own counter (nvml), the processor's (rapl), CPU seconds × watts per core (estimate).
"""

import importlib
import importlib.util
import os
import time
from pathlib import Path
from typing import Any

import psutil

# A busy core of a server processor draws about this much, its share of memory and fans included.
WATTS_PER_CORE = float(os.environ.get("TRAIN_WATTS_PER_CORE", "10"))
RAPL_COUNTER = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


class EnergyMeter:
    """Follows one child process; `sample()` often, read `wh` and `source` any time."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._gpus = _nvml_handles()
        self._rapl_before = _rapl_uj()
        self._sampled_at = time.monotonic()
        self._cpu_s = 0.0
        self.source = "nvml" if self._gpus else "rapl" if self._rapl_before is not None else "estimate"
        self.wh = 0.0

    def sample(self) -> None:
        now = time.monotonic()
        passed_s, self._sampled_at = now - self._sampled_at, now
        try:
            times = self._process.cpu_times()
        except psutil.Error:
            return  # the child has ended; what was counted stays
        cpu_s, self._cpu_s = times.user + times.system - self._cpu_s, times.user + times.system
        cpu_joule = cpu_s * WATTS_PER_CORE
        if self._gpus:
            nvml, handles = self._gpus
            watts = sum(nvml.nvmlDeviceGetPowerUsage(handle) for handle in handles) / 1000
            self.wh += (watts * passed_s + cpu_joule) / 3600
        elif self._rapl_before is not None:
            self.wh += self._rapl_joule() / 3600
        else:
            self.wh += cpu_joule / 3600

    def _rapl_joule(self) -> float:
        now = _rapl_uj()
        before, self._rapl_before = self._rapl_before, now
        # The counter wraps around every few minutes to hours; a step backwards is left out.
        return (now - before) / 1e6 if now is not None and before is not None and now >= before else 0.0


def _rapl_uj() -> int | None:
    try:
        return int(RAPL_COUNTER.read_text())
    except (OSError, ValueError):
        return None


def _nvml_handles() -> tuple[Any, list[Any]] | None:
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
