"""Searches LightGBM's settings with Optuna in the time the usual families left; a trial is one fit of one fold.

Each trial is kept in the checkpoint and its proposal follows from the seed and the trials before it alone, so a run
that was interrupted goes on with the very search it had begun.
"""

from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from workers.train import boosting, seeds
from workers.train.budget import Slice
from workers.train.candidates import Learner, Scale
from workers.train.checkpoint import Saved
from workers.train.families import VARIANTS, loss_of, most_rounds

FAMILY = "tuned_boosting"
TRIALS_MOST = 60
STARTUP_TRIALS = 8  # drawn at random before the sampler learns from what was seen
LEAST_GAIN = 0.001  # of the loss on the choosing rows; less is chance
END_SHARE = 1.2  # a fit of another fold may take this much of the longest trial
SPACE: dict[str, BaseDistribution] = {
    "leaves": IntDistribution(4, 128, log=True),
    "rate": FloatDistribution(0.015, 0.15, log=True),
    "column_share": FloatDistribution(0.3, 1.0),
    "row_share": FloatDistribution(0.5, 1.0),
    "l2": FloatDistribution(0.01, 30.0, log=True),
    "least_leaf_rows": IntDistribution(3, 100, log=True),
}
USUAL = {"leaves": 31, "rate": 0.05, "column_share": 0.7, "row_share": 0.8, "l2": 1.0, "least_leaf_rows": 20}

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class Trial:
    settings: dict[str, float]
    loss: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """`style`: the best settings, None where they gain nothing over the usual ones; `note` is for people."""

    style: boosting.Style | None
    note: str


def style_of(settings: dict[str, float]) -> boosting.Style:
    whole = {name: int(settings[name]) for name in ("leaves", "least_leaf_rows")}
    return boosting.Style(**{**settings, **whole})  # type: ignore[arg-type]


def search(learner: Learner, scale: Scale) -> Outcome:
    """Trials while the time left suffices for one more and for the fits of all folds with what was found."""
    run, folds = learner.run, len(learner.folds)
    time = run.budget.slice(1.0)
    trials: list[Trial] = []
    while len(trials) < TRIALS_MOST and not time.is_over():
        longest_s = max((one.seconds for one in trials), default=0.0)
        if time.seconds - time.used_s() < longest_s * (1 + END_SHARE * folds):
            break
        mine = run.budget.slice(1.0, of_s=max(0.0, (time.seconds - time.used_s()) / (1 + END_SHARE * folds)))
        trial = _tried(learner, scale, trials, mine)
        if trial is None:
            break
        trials.append(trial)
        best = min(one.loss for one in trials)
        run.progress.candidate(FAMILY, state="fitting", note=f"{len(trials)} trials; the best loss is {best:.5g}.")
    if len(trials) < 2:
        return Outcome(None, "There was no time left to search.")
    best_one, usual = min(trials, key=lambda one: one.loss), trials[0]
    gain = 1 - best_one.loss / usual.loss if usual.loss else 0.0
    if gain < LEAST_GAIN:
        return Outcome(None, f"{len(trials)} trials found nothing better than the usual settings.")
    said = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in best_one.settings.items())
    return Outcome(style_of(best_one.settings), f"{len(trials)} trials, {gain:.1%} less loss on choosing rows: {said}.")


def _tried(learner: Learner, scale: Scale, before: list[Trial], time: Slice) -> Trial | None:
    """The next trial, from the checkpoint where it was finished already; None when time ends inside it."""
    run, key = learner.run, f"search/{len(before)}"
    saved = run.checkpoints.finished(key)
    if saved is None:
        settings = _proposal(before, seeds.derive(run.job.seed, "search", len(before))) if before else dict(USUAL)
        fold = next(one for one in learner.folds if one.chooses)
        rows, held = learner.part(fold.fit, scale), learner.part(fold.held, scale)
        style = style_of(settings)
        grown = boosting.fit_boosting(
            run,
            key,
            (rows.trees, rows.y),
            (held.trees, held.y),
            learner.classes,
            time,
            most_rounds(learner.classes, style.leaves, boosting.MOST_ROUNDS),
            boosting.UNSEEN,
            style,
        )
        if time.is_over():
            return None
        answer = VARIANTS[FAMILY].answer([grown.as_saved()], held.trees, learner.classes)
        loss = loss_of(answer, held.y, learner.classes)
        saved = Saved({"settings": settings, "loss": loss, "seconds": round(time.used_s(), 3)})
        run.checkpoints.keep(key, saved)
    return Trial(saved.facts["settings"], saved.facts["loss"], saved.facts["seconds"])


def _proposal(before: list[Trial], seed: int) -> dict[str, float]:
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=STARTUP_TRIALS)
    study = optuna.create_study(sampler=sampler)
    for one in before:
        study.add_trial(optuna.trial.create_trial(params=one.settings, distributions=SPACE, value=one.loss))
    return dict(study.ask(SPACE).params)
