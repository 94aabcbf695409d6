"""Fits each family fold by fold inside its time, and keeps what it answered out of fold."""

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from workers.export.parts import Weighted
from workers.train import planning, tabm
from workers.train.boosting import Style
from workers.train.budget import Slice, Stopwatch
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.families import FAMILIES, VARIANTS, Family, Rows, Wish, rounds_of
from workers.train.folds import Fold

PROBE_ROUNDS = 4
COUNTS_ROUNDS = ("gradient_boosting", "boosting_small", "tuned_boosting", "xgboost", "mlp")
WHOLE_SHARE = 0.7  # of the rounds that were asked for
OVERDRAFT = 1.3  # the fit without test rows may take this much of an earlier one: without it the others are lost
LOG_BEYOND = 2.0  # believed logarithms end this far above the largest one seen


@dataclass(frozen=True)
class Scale:
    """Regression: target = mean + scale × y, or expm1 of that. Classification: not used."""

    mean: float = 0.0
    scale: float = 1.0
    log_most: float | None = None

    def units(self, y: np.ndarray) -> np.ndarray:
        shifted = self.mean + self.scale * y
        return shifted if self.log_most is None else np.expm1(np.minimum(shifted, self.log_most))

    def standardised(self, target: np.ndarray) -> np.ndarray:
        return ((target if self.log_most is None else np.log1p(target)) - self.mean) / self.scale


def scale_of(target: np.ndarray, is_log: bool) -> Scale:
    values = np.log1p(target) if is_log else target
    return Scale(float(values.mean()), float(values.std()) or 1.0, float(values.max()) + LOG_BEYOND if is_log else None)


@dataclass
class Member:
    """One family, perhaps on the logarithm of the target, with a fit per fold."""

    name: str  # "gradient_boosting", "gradient_boosting in log"
    family: str
    scale: Scale = field(default_factory=Scale)
    fits: dict[str, Saved] = field(default_factory=dict)  # by name of the fold
    seconds: float = 0.0
    is_cut: bool = False  # time ended long before a fit had the rounds that the choosing folds asked for

    def how(self) -> Family:
        return FAMILIES.get(self.family) or VARIANTS[self.family]

    def answer(self, names: list[str], rows: Rows, classes: int) -> np.ndarray:
        """Probabilities [N, C], or values in units of the target [N, 1], of the named fits together."""
        how = self.how()
        got = how.answer([self.fits[name] for name in names], rows.dense if how.is_dense else rows.trees, classes)
        return got if classes else self.scale.units(got)

    def weighted(self, weight: float, ships: list[str], classes: int) -> Weighted:
        body = self.how().part([self.fits[name] for name in ships if name in self.fits], classes)
        return Weighted(weight, body, self.scale.mean, self.scale.scale, self.scale.log_most)


@dataclass(frozen=True)
class Learner:
    """Everything that the fits of a run share. `rows.y` is the class index or the target in its own units."""

    run: RunContext
    rows: Rows
    folds: list[Fold]
    classes: int
    styles: dict[str, Style] = field(default_factory=dict)  # searched settings, by family

    def part(self, rows: np.ndarray, scale: Scale) -> Rows:
        y = self.rows.y[rows]
        y = y if self.classes else scale.standardised(y)
        return Rows(self.rows.dense[rows], self.rows.trees[rows], y, self.rows.steps)

    def fit_member(self, name: str, family: str, scale: Scale, time: Slice, index: int) -> Member | None:
        """1. choosing folds 2. the test fold with what they chose. None when time did not suffice for both."""
        member = Member(name, family, scale)
        choosing = [fold for fold in self.folds if fold.chooses]
        others = [fold for fold in self.folds if not fold.chooses]
        rate = 0.0
        if family == "mlp":
            choosing = choosing[: self._network_folds(member, choosing, time)]
        for place, fold in enumerate(choosing):
            left_s, longest_s = time.seconds - time.used_s(), _longest(member)
            if place and left_s < longest_s * (1 + len(others)):
                break  # the folds that do not choose must still fit in
            saved = self._fit(member, fold, left_s / (len(choosing) - place + len(others)), index, rate=rate)
            if saved is None:
                return None
            rate = float(saved.facts.get("rate", 0.0))
        setting = _settled(member)
        for place, fold in enumerate(others):
            left_s = (time.seconds - time.used_s()) / (len(others) - place)
            seconds = max(left_s, OVERDRAFT * _longest(member))
            saved = self._fit(member, fold, seconds, index, setting, rate)
            if saved is None:
                return None
            member.is_cut |= family in COUNTS_ROUNDS and float(saved.facts["setting"]) < WHOLE_SHARE * setting
        return member

    def _network_folds(self, member: Member, choosing: list[Fold], time: Slice) -> int:
        """How many folds a network can afford; remembered, since a resumed run may measure another speed."""
        key = f"{member.name}/folds"
        known = self.run.checkpoints.finished(key)
        if known is None:
            rows = self.part(choosing[0].fit, member.scale)
            epoch_s = tabm.seconds_per_epoch(self.run, (rows.dense, rows.y), self.classes)
            count = planning.folds_that_fit(epoch_s * planning.EPOCHS_USUAL, time.seconds, len(choosing))
            known = Saved({"folds": count})
            self.run.checkpoints.keep(key, known)
        return int(known.facts["folds"])

    def _fit(
        self,
        member: Member,
        fold: Fold,
        seconds: float,
        index: int,
        setting: float = 0.0,
        rate: float = 0.0,
    ) -> Saved | None:
        key = f"{member.name}/{fold.name}"
        saved = self.run.checkpoints.finished(key)
        if saved is None:
            mine = self.run.budget.slice(1.0, of_s=max(0.0, seconds))
            if mine.is_over():
                return None
            rows = self.part(fold.fit, member.scale)
            held = self.part(fold.held, member.scale) if fold.chooses else None
            style = self.styles.get(member.family)
            wish = Wish(self.run, key, rows, held, self.classes, mine, index, setting, rate, style)
            if not rate and member.family in planning.USUAL_RATES:
                wish = dataclasses.replace(wish, rate=self._measured_rate(member.family, wish))
            saved = member.how().fit(wish)
            saved.facts |= {"seconds": round(mine.used_s(), 3), "rate": wish.rate}
            self.run.checkpoints.keep(key, saved)
        member.fits[fold.name] = saved
        member.seconds += float(saved.facts["seconds"])
        return saved

    def _measured_rate(self, family: str, wish: Wish) -> float:
        """A few rounds on the clock say which learning rate the time allows."""
        key = f"{wish.key}/rate"
        known = self.run.checkpoints.finished(key)  # a resumed run goes on with the rate it began with
        if known is not None:
            return float(known.facts["rate"])
        usual = planning.USUAL_RATES[family]
        watch = Stopwatch()
        probe = dataclasses.replace(wish, key=f"{wish.key}/probe", held=None, setting=PROBE_ROUNDS, rate=usual)
        FAMILIES[family].fit(probe)
        affordable = wish.time.seconds * PROBE_ROUNDS / max(watch.seconds(), 1e-6)
        rate = planning.rate_for(min(affordable, rounds_of(family, self.classes)), usual)
        self.run.checkpoints.keep(key, Saved({"rate": rate}))
        return rate

    def out_of_fold(self, member: Member) -> tuple[np.ndarray, np.ndarray]:
        """(row positions, answers to them) over the folds that choose and that this member has."""
        rows, answers = [], []
        for fold in self.folds:
            if fold.chooses and fold.name in member.fits:
                rows.append(fold.held)
                answers.append(member.answer([fold.name], self.part(fold.held, member.scale), self.classes))
        return np.concatenate(rows), np.concatenate(answers)


def _longest(member: Member) -> float:
    """Seconds of the slowest fit so far."""
    return max((float(fit.facts["seconds"]) for fit in member.fits.values()), default=0.0)


def _settled(member: Member) -> float:
    """What the choosing folds agreed on: mean rounds, or the penalty in the middle."""
    settings = sorted(float(fit.facts["setting"]) for fit in member.fits.values())
    if member.family.startswith("linear"):
        return settings[len(settings) // 2]
    return float(max(1, round(np.mean(settings))))
