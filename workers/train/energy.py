"""How much electricity a run used: measured where the machine tells, estimated from CPU time where it does not.

Best source first: the GPU's own counter (nvml), the processor's (rapl), CPU seconds × watts per core (estimate).
"""

import time

import psutil

from workers.power import WATTS_PER_CORE, nvml_handles, nvml_watts, rapl_uj


class EnergyMeter:
    """Follows one child process; `sample()` often, read `wh` and `source` any time."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._gpus = nvml_handles()
        self._rapl_before = rapl_uj()
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
            self.wh += (nvml_watts(self._gpus) * passed_s + cpu_joule) / 3600
        elif self._rapl_before is not None:
            self.wh += self._rapl_joule() / 3600
        else:
            self.wh += cpu_joule / 3600

    def _rapl_joule(self) -> float:
        now = rapl_uj()
        before, self._rapl_before = self._rapl_before, now
        # The counter wraps around every few minutes to hours; a step backwards is left out.
        return (now - before) / 1e6 if now is not None and before is not None and now >= before else 0.0
