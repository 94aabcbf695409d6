"""The limit: ONNX Runtime called in a loop with nothing around it, in the arrangement that runs most rows a second."""

import os
import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

BATCHES = {"table": (1, 32, 128), "wide": (1, 32, 128), "image": (1, 4), "text": (1, 8)}


@dataclass(frozen=True)
class Bare:
    """Rows per second of the best arrangement and which it was, and one call of one row on one thread."""

    rows_per_s: float
    arrangement: str
    single_rows_per_s: float
    single_p50_ms: float


def measure_bare(path: Path, kind: str, feed: dict[str, Any], seconds: float, device: str = "cpu") -> Bare:
    cores = os.cpu_count() or 1
    found: list[tuple[float, str]] = []
    for batch in BATCHES[kind]:
        for sessions, threads in {(1, 1), (1, cores), (cores, 1)}:
            rate, _ = _rate(path, _repeat(feed, batch), sessions, threads, seconds, device)
            found.append((rate * batch, f"{sessions} × {threads} threads, batch {batch}"))
    single, p50_ms = _rate(path, feed, 1, 1, seconds, device)
    best = max(found)
    return Bare(best[0], best[1], single, p50_ms)


def _repeat(feed: dict[str, Any], batch: int) -> dict[str, Any]:
    return {name: np.repeat(tensor, batch, axis=0) for name, tensor in feed.items()}


def _session(path: Path, threads: int, device: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    cuda = ["CUDAExecutionProvider"] if device == "cuda" else []
    session = ort.InferenceSession(str(path), options, providers=[*cuda, "CPUExecutionProvider"])
    if cuda and session.get_providers()[0] != cuda[0]:
        raise SystemExit("CUDA was asked for and ONNX Runtime does not offer it here: " + str(session.get_providers()))
    return session


def _rate(
    path: Path, feed: dict[str, Any], sessions: int, threads: int, seconds: float, device: str
) -> tuple[float, float]:
    """Calls per second of `sessions` loops side by side, and the median call in milliseconds."""
    taken: list[list[float]] = [[] for _ in range(sessions)]
    made = [_session(path, threads, device) for _ in range(sessions)]
    for session in made:
        session.run(None, feed)
    end_s = time.perf_counter() + seconds

    def loop(session: ort.InferenceSession, times: list[float]) -> None:
        now_s = time.perf_counter()
        while now_s < end_s:
            session.run(None, feed)
            then_s, now_s = now_s, time.perf_counter()
            times.append(now_s - then_s)

    threads_ = [threading.Thread(target=loop, args=pair) for pair in zip(made, taken, strict=True)]
    began_s = time.perf_counter()
    for thread in threads_:
        thread.start()
    for thread in threads_:
        thread.join()
    calls = [one for times in taken for one in times]
    return len(calls) / (time.perf_counter() - began_s), statistics.median(calls) * 1000
