"""Who takes part in which task, and how a peer is run: a process of its own environment, ended when far over time."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.training.install import ENVIRONMENTS
from benchmarks.training.sets import BenchSet, lay_out

MODELYARD = "modelyard"
CORES = (0, 1)  # everybody runs on these two
PATIENCE = 3.0  # budgets; a peer that is still at work then is killed
PATIENCE_S = 120.0  # and this long for imports, predictions and latency
_LOG_TAIL = 600  # characters of what a failing peer printed

TABLES = ("tabular_classification", "tabular_regression")
TEXTS = ("text_classification",)
IMAGES = ("image_classification",)
ITEMS = ("recommendation",)
SERIES = ("forecasting",)


class Failed(RuntimeError):
    """Why a contender has no figures on a set."""


@dataclass(frozen=True)
class Contender:
    name: str
    title: str
    tasks: tuple[str, ...]
    script: str = ""  # peers/with_<script>.py
    environment: str = ""  # made by install.py; empty: the script's name


CONTENDERS = [
    Contender(MODELYARD, "Modelyard", (*TABLES, *TEXTS, *IMAGES, *ITEMS, *SERIES)),
    Contender("autogluon", "AutoGluon", (*TABLES, *TEXTS), "autogluon"),
    Contender("autogluon-best", "AutoGluon best_quality", TABLES, "autogluon"),
    Contender("flaml", "FLAML", TABLES, "flaml"),
    Contender("lightgbm", "LightGBM", TABLES, "boosters"),
    Contender("lightgbm-early", "LightGBM, early stop", TABLES, "boosters"),
    Contender("xgboost", "XGBoost", TABLES, "boosters"),
    Contender("catboost", "CatBoost", TABLES, "boosters"),
    Contender("forest", "random forest", TABLES, "boosters"),
    Contender("linear", "linear model", TABLES, "boosters"),
    Contender("tfidf-words", "TF-IDF words + logistic", TEXTS, "texts", "boosters"),
    Contender("tfidf-characters", "TF-IDF words and characters + logistic", TEXTS, "texts", "boosters"),
    Contender("pixels", "pixels + logistic", IMAGES, "pixels", "boosters"),
    Contender("cnn", "small CNN", IMAGES, "torch"),
    Contender("popularity", "popularity", ITEMS, "recommenders"),
    Contender("ease", "EASE", ITEMS, "recommenders"),
    Contender("als", "implicit ALS", ITEMS, "recommenders"),
    Contender("bpr", "implicit BPR", ITEMS, "recommenders"),
    Contender("item-knn", "implicit BM25 item-kNN", ITEMS, "recommenders"),
    Contender("seasonal-naive", "seasonal naive", SERIES, "statsmodels"),
    Contender("ets", "statsmodels ETS", SERIES, "statsmodels"),
    Contender("arima", "statsmodels SARIMA by AIC", SERIES, "statsmodels"),
]
TITLES = {contender.name: contender.title for contender in CONTENDERS}


def run_peer(
    contender: Contender, bench_set: BenchSet, budget_s: float, seed: int, predictions: Path
) -> dict[str, Any]:
    """Fit and predict in a process of its own. Returns its facts; raises Failed with the end of what it printed."""
    environment = contender.environment or contender.script
    if reason := ENVIRONMENTS.missing(environment):
        raise Failed(reason)
    with tempfile.TemporaryDirectory(prefix="bench-training-", ignore_cleanup_errors=True) as place:
        folder, work = Path(place) / "set", Path(place) / "work"
        lay_out(bench_set, folder)
        work.mkdir()
        job: dict[str, Any] = {
            "contender": contender.name,
            "folder": str(folder),
            "work": str(work),
            "task": bench_set.task,
        }
        job |= {"target": bench_set.target, "metric": bench_set.metric, "budget_s": budget_s, "seed": seed}
        job |= {"horizon": bench_set.horizon, "season": bench_set.season, "started_at": time.time()}
        (work / "job.json").write_text(json.dumps(job))
        script = ENVIRONMENTS.lists / f"with_{contender.script}.py"
        command = [str(ENVIRONMENTS.python_of(environment)), str(script), str(work / "job.json")]
        _run(command, work, PATIENCE * budget_s + PATIENCE_S)
        predictions.parent.mkdir(parents=True, exist_ok=True)
        predictions.write_bytes((work / "predictions.csv").read_bytes())
        facts: dict[str, Any] = json.loads((work / "facts.json").read_text())
        return facts


def _run(command: list[str], work: Path, within_s: float) -> None:
    """Its children end with it: the whole process group is killed afterwards."""
    threads = str(len(CORES))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment = inherited | {"PYTHONDONTWRITEBYTECODE": "1"} | dict.fromkeys(names, threads)
    with (work / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command, cwd=work, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            status = process.wait(timeout=within_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"still at work after {within_s:.0f} s, so it was ended") from None
        finally:
            _end_group(process)
    if status:
        raise Failed(f"exit status {status}: {(work / 'log.txt').read_text(errors='replace')[-_LOG_TAIL:].strip()}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
