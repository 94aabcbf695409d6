"""What every peer does the same way: takes its job, reads the tables, keeps the time, hands in predictions and facts.

    python with_NAME.py JOB.json

The clock starts when the job is taken, after the imports, and stops when the model is ready to predict.
"""

import json
import pickle
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

LATENCY_S = 3.0  # at most this long per contender
LATENCY_CALLS = 200
WARM_CALLS = 3


@dataclass
class Job:
    """One contender on one set. `folder` holds train.csv or train.zip and test.csv without the truth."""

    contender: str
    folder: Path
    task: str
    target: str
    metric: str
    budget_s: float
    seed: int
    horizon: int
    season: int
    started_at: float  # seconds since 1970 when the process was started
    work: Path  # an empty folder of this run's own
    began_s: float

    @property
    def is_classification(self) -> bool:
        return self.task.endswith("classification")

    @property
    def left_s(self) -> float:
        return self.budget_s - (time.monotonic() - self.began_s)

    def train(self) -> pd.DataFrame:
        return read_table(self.folder / "train.csv")

    def test(self) -> pd.DataFrame:
        return read_table(self.folder / "test.csv")


def take_job() -> Job:
    told = json.loads(Path(sys.argv[1]).read_text())
    paths = {name: Path(told.pop(name)) for name in ("folder", "work")}
    return Job(**told, **paths, began_s=time.monotonic())


def read_table(path: Path) -> pd.DataFrame:
    """Only an empty cell is a missing value: `None` and `NA` are categories in some of these sets."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def as_shares(named: Any, classes: Any, probabilities: Any) -> pd.DataFrame:
    """Labels and probabilities in the form that is scored."""
    frame = pd.DataFrame({"prediction": list(named)})
    for number, name in enumerate(classes):
        frame[f"p_{name}"] = probabilities[:, number]
    return frame


def latency_ms(answer_one: Callable[[], object]) -> float:
    """Median of single calls, after a few to warm up."""
    for _ in range(WARM_CALLS):
        answer_one()
    taken_ms: list[float] = []
    end_s = time.monotonic() + LATENCY_S
    while len(taken_ms) < LATENCY_CALLS and (time.monotonic() < end_s or not taken_ms):
        began_s = time.perf_counter()
        answer_one()
        taken_ms.append((time.perf_counter() - began_s) * 1000)
    return statistics.median(taken_ms)


def size_of(model: object) -> int:
    """Bytes of the model as Python would save it; it is never read back."""
    return len(pickle.dumps(model))


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def versions_of(*packages: str) -> dict[str, str]:
    return {name: version(name) for name in packages}


class Model:
    """What a peer hands in: how to predict all test rows and one of them, its size, what it is made of."""

    def __init__(
        self,
        predict: Callable[[], pd.DataFrame],
        predict_one: Callable[[], object],
        model_bytes: Callable[[], int],
        packages: tuple[str, ...],
        note: str = "",
    ) -> None:
        self.predict, self.predict_one, self.model_bytes = predict, predict_one, model_bytes
        self.packages, self.note = packages, note


def run(fit: Callable[[Job], Model]) -> None:
    """Fit within the budget, predict, measure, write predictions.csv and facts.json into the job's folder."""
    job = take_job()
    model = fit(job)
    used_s, wall_s = time.monotonic() - job.began_s, time.time() - job.started_at
    began_s = time.monotonic()
    model.predict().to_csv(job.work / "predictions.csv", index=False)
    facts = {
        "used_s": used_s,
        "wall_s": wall_s,
        "predict_s": time.monotonic() - began_s,
        "latency_ms": latency_ms(model.predict_one),
        "model_bytes": model.model_bytes(),
        "versions": versions_of(*model.packages),
        "note": model.note,
    }
    (job.work / "facts.json").write_text(json.dumps(facts))
