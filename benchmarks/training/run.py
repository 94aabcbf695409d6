"""Modelyard beside AutoML tools and simple models: the same splits, seconds and two cores, one after another.

    make bench-training                                 the repository's sets and those of $MODELYARD_BENCH_DATA
    make bench-training ARGS="--budget 60 300"          two budgets
    make bench-training ARGS="--resume"                 go on with a run that was broken off
    make bench-training ARGS="--sets penguins --contenders modelyard linear --budget 15 --no-page"

Modelyard goes first, on a platform started for it alone; then it is stopped and the peers follow, each in a process
and an environment of its own. Every result is saved at once; a contender that fails is noted and the next one begins.
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.serving.machine import describe_machine
from benchmarks.training import page, plot, report
from benchmarks.training.contenders import CONTENDERS, CORES, MODELYARD, Contender, Failed, run_peer
from benchmarks.training.modelyard import running_platform
from benchmarks.training.results import Result, Results
from benchmarks.training.score import score
from benchmarks.training.sets import ROOT, BenchSet, find_sets

PLACE = ROOT / "var" / "benchmarks" / "training"

Compete = Callable[[BenchSet, float, int, Path], dict[str, Any]]
Key = tuple[str, str, float, int]


def compete(bench_set: BenchSet, key: Key, with_: Compete) -> Result:
    """One contender's turn. Whatever goes wrong becomes the result's failure."""
    _, contender, budget_s, seed = key
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    result = Result(*key, at=at, load=round(os.getloadavg()[0], 2))
    predictions = PLACE / f"{bench_set.name}-{contender}-{budget_s:.0f}-{seed}.csv"
    try:
        result.facts = with_(bench_set, budget_s, seed, predictions)
        result.figures = score(bench_set, predictions)
    except Exception as error:  # a broken contender must not end a run of hours
        result.failure = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
    return result


def turns(sets: list[BenchSet], asked: argparse.Namespace, done: Results) -> list[tuple[BenchSet, Contender, Key]]:
    """All that is to be measured, in order."""
    wanted = [one for one in CONTENDERS if not asked.contenders or one.name in asked.contenders]
    found = []
    for budget_s in asked.budget:
        for bench_set in sets:
            for seed in asked.seeds:
                for contender in wanted:
                    key = (bench_set.name, contender.name, float(budget_s), seed)
                    if bench_set.task in contender.tasks and not (asked.resume and done.has(key)):
                        found.append((bench_set, contender, key))
    return found


def measure(sets: list[BenchSet], asked: argparse.Namespace, done: Results, machine: dict[str, Any]) -> None:
    todo = turns(sets, asked, done)
    own = [turn for turn in todo if turn[1].name == MODELYARD]
    with contextlib.ExitStack() as stack:
        customer, reason = None, ""
        if own:
            try:
                customer = stack.enter_context(running_platform())
            except Exception as error:
                reason = f"the platform did not start: {error}"
        for bench_set, _, key in own:
            with_ = customer.compete if customer else _always_failing(reason)
            _keep(compete(bench_set, key, with_), bench_set, done, machine)
    for bench_set, contender, key in todo:
        if contender.name != MODELYARD:
            _keep(compete(bench_set, key, _peer(contender)), bench_set, done, machine)


def _peer(contender: Contender) -> Compete:
    return lambda bench_set, budget_s, seed, predictions: run_peer(contender, bench_set, budget_s, seed, predictions)


def _always_failing(reason: str) -> Compete:
    def fail(bench_set: BenchSet, budget_s: float, seed: int, predictions: Path) -> dict[str, Any]:
        raise Failed(reason)

    return fail


def _keep(result: Result, bench_set: BenchSet, done: Results, machine: dict[str, Any]) -> None:
    done.add(result, machine)
    told = result.failure.splitlines()[-1][:160] if result.failure else ""
    if not told:
        told = f"{bench_set.metric} {result.figures.get(bench_set.metric, float('nan')):.4f}"
        told += f"  {result.facts['used_s']:.1f} s  {result.facts['latency_ms']:.2f} ms a row"
    print(f"{result.set:<18}{result.contender:<18}{result.budget_s:>4.0f} s  seed {result.seed}  {told}", flush=True)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=[], help="names of folders; all where none is named")
    parser.add_argument("--budget", nargs="+", type=int, default=[60], help="seconds, one or several")
    parser.add_argument("--contenders", nargs="+", default=[], choices=[one.name for one in CONTENDERS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--resume", action="store_true", help="leave out what has figures already")
    parser.add_argument(
        "--only-page", action="store_true", help="measure nothing; table, plot and page of what is known"
    )
    parser.add_argument("--no-page", action="store_true", help="do not write docs/benchmarks.md")
    return parser.parse_args()


def main() -> int:
    asked = read_arguments()
    sets, notice = find_sets(asked.sets)
    print(notice, flush=True)
    os.sched_setaffinity(0, set(CORES) & os.sched_getaffinity(0) or os.sched_getaffinity(0))
    began_s = time.monotonic()
    results = Results(PLACE / "results.json")
    if not asked.only_page:
        measure(sets, asked, results, describe_machine("cpu"))
    told = report.tell(list(results), find_sets([])[0])
    print("\n" + report.text(told))
    if not asked.no_page and told:
        plot.write(told, ROOT / "docs" / "benchmarks-training.svg")
        page.write(told, results.machine, ROOT / "docs" / "benchmarks.md")
    print(f"\n{time.monotonic() - began_s:.0f} s in all; figures and predictions in {PLACE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
