"""What one row costs on the serving path: time and electricity of single calls, with the options of a serving node."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime

from workers.power import WATTS_PER_CORE, nvml_handles, nvml_watts, rapl_uj
from workers.serve.providers import candidate_providers
from workers.serve.session_options import session_options

MOST_CALLS = 400
MOST_S = 0.3
LEAST_JOULES_RAPL = 0.05  # the counter moves in steps of a millisecond; less than this is noise

Feed = dict[str, np.ndarray]


@dataclass(frozen=True)
class Reading:
    """Single calls of one row; joules of 1,000 of them, and where that figure is from."""

    latency_ms: float  # the median
    p95_ms: float
    joules_per_1000: float
    energy_source: str  # "nvml" | "rapl" | "estimate"

    def facts(self) -> dict[str, Any]:
        """As a candidate and a variant tell it."""
        return dict(vars(self))


def serving_session(model: bytes) -> onnxruntime.InferenceSession:
    """As a serving node of this machine's kind would open it: on CUDA where that is there, else on the processor."""
    return onnxruntime.InferenceSession(model, session_options(), providers=candidate_providers())


def measured(model: bytes, feed: Feed) -> dict[str, Any]:
    """The facts of a model that is only looked at: `latency_ms`, `p95_ms`, `joules_per_1000`, `energy_source`."""
    return read(serving_session(model), feed).facts()


def read(session: onnxruntime.InferenceSession, feed: Feed) -> Reading:
    """Up to 400 calls or 0.3 s, after three calls to warm up; the first row of `feed`."""
    row = {name: values[:1] for name, values in feed.items()}
    for _ in range(3):
        session.run(None, row)
    times: list[float] = []
    meter = _Joules(session)
    start = time.perf_counter()
    while len(times) < MOST_CALLS and (time.perf_counter() - start < MOST_S or not times):
        before = time.perf_counter()
        session.run(None, row)
        times.append((time.perf_counter() - before) * 1000)
    joules, source = meter.since()
    middle, high = (round(float(np.percentile(times, share)), 4) for share in (50, 95))
    return Reading(middle, high, float(f"{joules / len(times) * 1000:.4g}"), source)


class _Joules:
    """Counts from its making on. A call on one thread draws what that thread's core does, so only it is counted."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        is_cuda = session.get_providers()[0] == "CUDAExecutionProvider"
        self._gpus = nvml_handles() if is_cuda else None
        self._rapl = rapl_uj()
        self._wall, self._cpu = time.perf_counter(), time.thread_time()
        self._watts = nvml_watts(self._gpus) if self._gpus else 0.0

    def since(self) -> tuple[float, str]:
        wall_s, cpu_s = time.perf_counter() - self._wall, time.thread_time() - self._cpu
        if self._gpus:
            mean_watts = (self._watts + nvml_watts(self._gpus)) / 2
            return mean_watts * wall_s + cpu_s * WATTS_PER_CORE, "nvml"
        now = rapl_uj()
        if now is not None and self._rapl is not None and (now - self._rapl) / 1e6 >= LEAST_JOULES_RAPL:
            return (now - self._rapl) / 1e6, "rapl"
        return cpu_s * WATTS_PER_CORE, "estimate"
