"""Images in class folders: a linear model on their pixels, frozen EfficientNet-Lite features with a linear head, and
a small network from scratch where the images are tiny; compared on validation, the best one kept.

Reads top to bottom: load → fit each family on the training images → compare → calibrate → fit the kept one again
without the test images (that fit is measured) and with them (that one is shipped).
"""

from typing import Any

import numpy as np
import torch

from contracts.manifests import EvaluationReport
from workers.export import image_onnx, latency
from workers.train import convnet, evaluation, image_heads, metrics
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.ensemble import best_temperature
from workers.train.failures import UserFailure
from workers.train.image_data import Data, load
from workers.train.image_heads import NO_TIME, Found
from workers.train.image_model import Fitted, Member, probabilities
from workers.train.splits import Parts, by_share

__all__ = ["evaluate", "fit", "load", "split"]

SHARES = {"pixels": 0.15, "cnn": 0.9, "transfer": 1.0, "transfer_large": 1.0}  # of the selection time that is left
SELECTION_SHARE = 0.6  # of the fitting time; the rest is for the second fits on more images
CONTINUED_SHARE = 0.4  # a second fit of a network goes on from the one before for this share of its rounds
SLOWER = 1.3  # a second fit may find the machine busier
END_FACTOR, END_LEAST_S = 2.0, 1.5  # export, parity and packaging, by the measured time of a family's own graph
HEAD_SHARE = 0.3  # of a head's first fit, when its features are known and its penalty is chosen
NOTHING = np.zeros(0, np.int64)


def split(run: RunContext, data: Data) -> Parts:
    return by_share(data.groups, run.job.splits, run.job.seed)


def fit(run: RunContext, data: Data, parts: Parts) -> Fitted:
    """1. fit the families that suit the size 2. compare 3. temperature 4. the kept one again on more images."""
    run.progress.log(
        f"{len(data.rows):,} images of {len(data.classes)} classes; the longest side has {data.longest} pixels."
    )
    selection = run.budget.slice(SELECTION_SHARE)
    families = ("pixels", "cnn", "transfer") if data.is_tiny else ("pixels", "transfer", "transfer_large")
    kept: list[tuple[float, Member, np.ndarray, np.ndarray]] = []
    for index, family in enumerate(one for one in families if run.wants(one)):
        run.progress.stage(f"fit {family}", 0.1 + 0.2 * index, eta_seconds=run.budget.left_s())
        time = run.budget.slice(SHARES[family], of_s=max(0.0, selection.seconds - selection.used_s()))
        if kept and time.is_over():
            run.progress.candidate(family, state="skipped", note=NO_TIME)
            continue
        run.progress.candidate(family, state="fitting")
        member, note = FIT[family](run, family, data, parts.train, parts.valid, time, None)
        if member is None:
            run.progress.candidate(family, state="skipped", note=note)
            continue
        rows = _judged(member, parts.valid)
        raw = member.logits_of(data, rows, run.progress.alive)
        scores = metrics.classification(data.truth[rows], probabilities(raw, 1.0))
        _show(run, data, member, scores, time.used_s(), parts.valid)
        kept.append((scores["log_loss"], member, raw, rows))
    if not kept:
        raise UserFailure("yours:budget-spent", "No model family was ready when the budget ended.")
    _, best, raw, rows = min(kept, key=lambda one: one[0])
    run.progress.candidate(best.family, is_best=True)
    temperature = best_temperature(probabilities(raw, 1.0), data.truth[rows])
    measured, shipped = _fit_again(run, data, parts, best)
    return Fitted(data, measured, shipped, best.family, temperature, run.progress.alive)


def _judged(member: Member, valid: np.ndarray) -> np.ndarray:
    """Validation images that a head has looked at; all of them for a network."""
    if member.seen is None:
        return valid
    return valid[~np.isnan(member.seen[valid, 0])]


def _show(
    run: RunContext, data: Data, member: Member, scores: dict[str, float], seconds: float, rows: np.ndarray
) -> None:
    """Put a finished family on the candidate board, with the size and latency of its own export."""
    began = run.budget.slice(1.0)
    raw = Fitted(data, member, member, member.family, 1.0).to_onnx().SerializeToString()
    feed = {image_onnx.INPUT: next(data.images(rows[:1]))[None]}
    facts: dict[str, Any] = {"metrics": scores, "fit_seconds": round(seconds, 3), "size_bytes": len(raw)}
    facts |= latency.measured(raw, feed)
    run.progress.candidate(member.family, state="done", **facts)
    run.budget.needs_at_end(END_FACTOR * began.used_s() + END_LEAST_S)


def _fit_cnn(
    run: RunContext, key: str, data: Data, train: np.ndarray, valid: np.ndarray, time: Slice, before: Member | None
) -> Found:
    """From scratch on pixels at the images' own size, a multiple of four; a second fit goes on from the one before."""
    side = max(16, -(-data.longest // 4) * 4)
    classes = len(data.classes)
    saved = run.checkpoints.finished(key)
    if saved is None:
        if time.is_over():
            return None, NO_TIME
        sets = [
            (torch.cat(list(data.resized(rows, side))).round().byte(), data.truth[rows])
            for rows in (train, valid)
            if len(rows)
        ]
        rounds = convnet.MOST_ROUNDS if before is None else max(1, round(CONTINUED_SHARE * before.setting))
        start = None if before is None else {name: one.clone() for name, one in before.network.state_dict().items()}
        network, best = convnet.fit_convnet(
            run, key, sets[0], sets[1] if len(sets) > 1 else None, classes, time, rounds, start
        )
        facts = {"rounds": best if before is None else before.setting}
        saved = Saved(facts, {name: value.numpy() for name, value in network.state_dict().items()})
        run.checkpoints.finish(key, saved)
    network = convnet.build(side, classes)
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in saved.arrays.items()})
    return Member("cnn", network, side, convnet.MEAN, convnet.SPREAD, int(saved.facts["rounds"])), ""


FIT = {
    "pixels": image_heads.fit_pixels,
    "cnn": _fit_cnn,
    "transfer": image_heads.fit_transfer,
    "transfer_large": image_heads.fit_transfer_large,
}


def _fit_again(run: RunContext, data: Data, parts: Parts, best: Member) -> tuple[Member, Member]:
    """(measured, shipped): the kept family on training + validation images, and on all.

    When the time suffices for one of them, it is the shipped one; else both are the first fit.
    """
    everything = np.sort(np.concatenate([parts.fitted, parts.test]))
    first_s = run.progress.candidates[best.family].fit_seconds or 0.0
    new_share = len(parts.test) / max(1, len(parts.fitted)) if best.seen is not None else 0.0
    once_s = SLOWER * (CONTINUED_SHARE if best.family == "cnn" else HEAD_SHARE) * first_s
    all_s = SLOWER * new_share * first_s + once_s * len(everything) / max(1, len(parts.fitted))
    measured = best
    if _has_time(run, f"{best.family}-again", once_s + all_s):
        measured = _again(run, f"{best.family}-again", data, parts.fitted, best)
    if _has_time(run, f"{best.family}-all", all_s):
        return measured, _again(run, f"{best.family}-all", data, everything, measured)
    if measured is best:
        run.progress.log("No time to fit again on more images; the first fit is kept.")
    return measured, measured


def _has_time(run: RunContext, key: str, seconds: float) -> bool:
    if run.checkpoints.finished(key) is not None:
        return True
    return not run.budget.is_stopped() and seconds <= run.budget.fitting_left_s()


def _again(run: RunContext, key: str, data: Data, rows: np.ndarray, before: Member) -> Member:
    run.progress.stage(f"fit {before.family} on {len(rows):,} images", 0.75, eta_seconds=run.budget.left_s())
    again, _ = FIT[before.family](run, key, data, rows, NOTHING, run.budget.slice(1.0), before)
    return again or before


def evaluate(run: RunContext, data: Data, fitted: Fitted, parts: Parts) -> EvaluationReport:
    return evaluation.of_labels(data, fitted, parts, run.job.seed)
