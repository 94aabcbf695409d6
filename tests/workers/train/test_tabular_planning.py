"""Who gets how much time, and how the families are weighed."""

from pathlib import Path

import numpy as np

from contracts.jobs import TrainJob
from workers.train import ensemble, planning
from workers.train.budget import Budget
from workers.train.checkpoint import Checkpoints
from workers.train.context import RunContext
from workers.train.families import FAMILIES, loss_of
from workers.train.progress import Progress


def context(folder: Path, budget_s: float) -> RunContext:
    job = TrainJob("run_1", 1, 1, "", "tabular_regression", "y", "", 0, "parquet", budget_seconds=budget_s)
    progress = Progress(folder / "progress.jsonl")
    return RunContext(job, Budget(budget_s), progress, Checkpoints(folder, "", progress), 1, "cpu")


def test_a_share_is_kept_for_the_networks_and_what_is_left_over_goes_on(tmp_path: Path) -> None:
    plan = planning.Plan(context(tmp_path, 100.0), list(FAMILIES))
    slices = {family: plan.slice_of(family).seconds for family in FAMILIES}
    trees = 0.6 * 88  # 12 of the 100 seconds end the run
    assert abs(slices["linear"] - 0.12 * trees) < 0.5
    assert abs(slices["xgboost"] - trees) < 0.5  # nothing was used before its turn
    assert slices["mlp"] > 87


def test_one_family_alone_gets_everything(tmp_path: Path) -> None:
    for family in FAMILIES:
        assert planning.Plan(context(tmp_path, 100.0), [family]).slice_of(family).seconds > 87


def test_fewer_rounds_take_larger_steps() -> None:
    assert [planning.rate_for(rounds, 0.06) for rounds in (1000, 300, 200, 80, 3)] == [0.06, 0.06, 0.1, 0.2, 0.2]
    assert [planning.folds_that_fit(1.0, seconds, 4) for seconds in (0.5, 2.5, 4.5, 60)] == [1, 1, 3, 4]


def test_the_blend_is_no_worse_than_its_best_member_and_drops_what_does_not_help() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=500)
    answers = [(y + random.normal(0, spread, 500))[:, None] for spread in (0.5, 0.6, 5.0)]
    weights = ensemble.greedy_weights(answers, y, 0)
    assert weights.sum() == 1
    assert weights[2] == 0
    blended = np.tensordot(weights, np.stack(answers), axes=1)
    assert loss_of(blended, y, 0) < 0.9 * min(loss_of(one, y, 0) for one in answers)


def test_the_temperature_takes_back_too_much_confidence() -> None:
    random = np.random.default_rng(1)
    yes = 1 / (1 + np.exp(-random.normal(0, 1.5, 4000)))
    truth = (random.random(4000) < yes).astype(np.int64)
    sure = np.stack([1 - yes, yes], axis=1) ** 1.4
    sure /= sure.sum(axis=1, keepdims=True)
    assert 1.25 < ensemble.best_temperature(sure, truth) < 1.6
