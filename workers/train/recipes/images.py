"""Images in class folders: frozen EfficientNet-Lite0 features with a linear head, and a small network from scratch
where the images are tiny; compared on validation, the better one kept.

Reads top to bottom: load → fit each family on the training images → compare → calibrate → fit the kept one again on
everything but the test images.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from contracts.manifests import IMAGE_CODEC, EvaluationReport, OutputMeaning, TensorSpec
from workers.export import image_onnx, latency, package, parity
from workers.train import backbone, convnet, evaluation, linear, metrics
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.failures import UserFailure
from workers.train.readers import IMAGE_INVALID_MOST_SHARE, ImageFolder, images_of, list_images
from workers.train.splits import Parts, by_share

TINY_SIDE = 64  # up to here a network from scratch is tried, and comes first
SHARES = {"cnn": 0.9, "transfer": 1.0}  # of the selection time that is left
SELECTION_SHARE = 0.6  # of the fitting time; the rest is for the second fit on more images
CONTINUED_SHARE = 0.4  # the second fit of a network goes on from the first for this share of its rounds
TEMPERATURES = np.linspace(0.5, 2.5, 81)
PARITY_MOST_IMAGES = 200
PARITY_TOLERANCE = 1e-3  # a hundred convolutions add up in another order
TRANSFER_SIDE_TINY = 96  # enlarging a tiny image further adds pixels and no detail


@dataclass(frozen=True)
class Data:
    folder: ImageFolder
    rows: np.ndarray  # positions in the folder (unreadable images are left out)
    truth: np.ndarray
    classes: list[str]
    longest: int  # pixels of the longest side found
    shapes: list[tuple[int, int]]

    @property
    def groups(self) -> np.ndarray:
        return self.truth

    @property
    def is_tiny(self) -> bool:
        return self.longest <= TINY_SIDE

    def images(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Original pixels uint8 [H, W, 3], one at a time."""
        for _, pixels in images_of(self.folder, self.rows[rows]):
            assert pixels is not None  # unreadable ones were left out by load
            yield pixels

    def resized(self, rows: np.ndarray, side: int) -> Iterator[torch.Tensor]:
        """Float [1, 3, side, side], 0..255, by the same filter as the graph."""
        for pixels in self.images(rows):
            yield image_onnx.resize_like_graph(pixels[None], side)


def load(run: RunContext, path: Path) -> Data:
    try:
        folder = list_images(path)
    except zipfile.BadZipFile as error:
        raise UserFailure("yours:file-unreadable", f"The ZIP cannot be read: {error}") from error
    rows, shapes = [], []
    for row, pixels in images_of(folder, np.arange(len(folder.names))):
        run.progress.alive()
        if pixels is not None:
            rows.append(row)
            shapes.append(pixels.shape[:2])
    bad = len(folder.names) - len(rows)
    if bad > IMAGE_INVALID_MOST_SHARE * len(folder.names):
        raise UserFailure("yours:image-invalid", f"{bad} of {len(folder.names)} images cannot be read.")
    if bad:
        run.progress.log(f"{bad} images cannot be read and are left out.")
    labels = np.array(folder.labels)[rows]
    classes, truth, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise UserFailure("yours:one-class", "The ZIP holds images of one class only.")
    if counts.min() < 3:
        raise UserFailure(
            "yours:class-too-small",
            f"The class {classes[counts.argmin()]!r} has {counts.min()} images; at least 3 are needed.",
        )
    longest = max(max(shape) for shape in shapes)
    return Data(folder, np.array(rows), truth.astype(np.int64), [str(one) for one in classes], longest, shapes)


@dataclass
class Member:
    """One fitted family."""

    family: str
    network: torch.nn.Module
    side: int
    mean: float
    spread: float
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  # what a checkpoint needs to build it again
    rounds: int = 0

    def logits(self, pixels: torch.Tensor) -> np.ndarray:
        """[N, 3, side, side] 0..255 → [N, C] float64."""
        with torch.no_grad():
            return self.network.eval()((pixels - self.mean) / self.spread).double().numpy()


@dataclass
class Fitted:
    data: Data
    member: Member
    family: str
    temperature: float

    reference_name = f"torch {torch.__version__}"
    tolerance = PARITY_TOLERANCE

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities [N, C] by torch, from the original pixels."""
        return probabilities(_all_logits(self.member, self.data, rows), self.temperature)

    def to_onnx(self) -> onnx.ModelProto:
        m = self.member
        return image_onnx.to_onnx(m.network, m.side, m.mean, m.spread, self.data.classes, self.temperature)

    def parity_groups(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Images of one size go together: a batch is one tensor. Two made-up sizes test the resizing itself."""
        groups: dict[tuple[int, int], list[np.ndarray]] = {}
        for pixels in self.data.images(rows[:PARITY_MOST_IMAGES]):
            groups.setdefault(pixels.shape[:2], []).append(pixels)
        first = next(iter(groups.values()))[0]
        groups.setdefault((97, 131), []).append(np.resize(first, (97, 131, 3)))
        groups.setdefault((5, 300), []).append(np.resize(first, (5, 300, 3)))
        pairs = []
        for images in groups.values():
            stack = np.stack(images)
            reference = [
                self.member.logits(image_onnx.resize_like_graph(stack[i : i + 32], self.member.side))
                for i in range(0, len(stack), 32)
            ]
            pairs.append(({image_onnx.INPUT: stack}, probabilities(np.concatenate(reference), self.temperature)))
        return pairs

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        return []  # shuffling single pixels says nothing

    def example(self, row: int) -> dict[str, Any]:
        place = int(self.data.rows[row])
        return {"row": place, "file": self.data.folder.names[place]}

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        return package.label_outputs(self.data.classes)

    def describe(self) -> dict[str, Any]:
        inputs = [TensorSpec(image_onnx.INPUT, "UINT8", [-1, -1, -1, 3])]
        return {"inputs": inputs, "image_size": self.member.side, "codec": IMAGE_CODEC}


def probabilities(raw: np.ndarray, temperature: float) -> np.ndarray:
    spread = np.exp((raw - raw.max(axis=1, keepdims=True)) / temperature)
    return spread / spread.sum(axis=1, keepdims=True)


def _all_logits(member: Member, data: Data, rows: np.ndarray, alive: Callable[[], None] = lambda: None) -> np.ndarray:
    found, batch = [], []
    for pixels in data.resized(rows, member.side):
        batch.append(pixels)
        if len(batch) == 64:
            found.append(member.logits(torch.cat(batch)))
            batch.clear()
            alive()
    if batch:
        found.append(member.logits(torch.cat(batch)))
    return np.concatenate(found)


def fit(run: RunContext, data: Data, parts: Parts) -> Fitted:
    """1. fit the families that suit the size 2. compare 3. temperature 4. the kept one again on more images."""
    run.progress.log(
        f"{len(data.rows):,} images of {len(data.classes)} classes; the longest side has {data.longest} pixels."
    )
    selection = run.budget.slice(SELECTION_SHARE)
    families = ["cnn", "transfer"] if data.is_tiny else ["transfer"]
    kept: list[tuple[float, Member, np.ndarray]] = []
    valid_truth = data.truth[parts.valid]
    for index, family in enumerate(one for one in families if run.wants(one)):
        run.progress.stage(f"fit {family}", 0.1 + 0.3 * index, eta_seconds=run.budget.left_s())
        run.progress.candidate(family, state="fitting")
        time = run.budget.slice(SHARES[family], of_s=max(0.0, selection.seconds - selection.used_s()))
        member, note = FIT[family](run, family, data, parts.train, parts.valid, time, 0)
        if member is None:
            run.progress.candidate(family, state="skipped", note=note)
            continue
        raw = _all_logits(member, data, parts.valid, run.progress.alive)
        scores = metrics.classification(valid_truth, probabilities(raw, 1.0))
        _show(run, data, member, scores, time.used_s(), parts.valid)
        kept.append((scores["log_loss"], member, raw))
    if not kept:
        raise UserFailure("yours:budget-spent", "No model family was ready when the budget ended.")
    _, best, raw = min(kept, key=lambda one: one[0])
    run.progress.candidate(best.family, is_best=True)
    losses = [metrics.log_loss(valid_truth, probabilities(raw, float(one))) for one in TEMPERATURES]
    temperature = float(TEMPERATURES[int(np.argmin(losses))])
    return Fitted(data, _fit_again(run, data, parts, best), best.family, temperature)


def _show(
    run: RunContext, data: Data, member: Member, scores: dict[str, float], seconds: float, rows: np.ndarray
) -> None:
    """Put a finished family on the candidate board, with the size and latency of its own export."""
    fitted = Fitted(data, member, member.family, 1.0)
    raw = fitted.to_onnx().SerializeToString()
    feed = {image_onnx.INPUT: next(data.images(rows[:1]))[None]}
    run.progress.candidate(
        member.family,
        state="done",
        metrics=scores,
        fit_seconds=round(seconds, 3),
        size_bytes=len(raw),
        latency_ms=latency.one_row_ms(parity.open_session(raw), feed),
    )


def _fit_cnn(
    run: RunContext, key: str, data: Data, train: np.ndarray, valid: np.ndarray | None, time: Slice, rounds: int
) -> tuple[Member | None, str]:
    """From scratch on pixels at the images' own size, a multiple of four."""
    side = max(16, -(-data.longest // 4) * 4)
    classes = len(data.classes)
    saved = run.checkpoints.finished(key)
    if saved is None:
        if time.is_over():
            return None, "There was no time left in the budget."
        sets = [
            (torch.cat(list(data.resized(rows, side))).round().byte(), data.truth[rows])
            for rows in (train, valid)
            if rows is not None
        ]
        first = run.checkpoints.finished("cnn")  # the second fit goes on from the first: it already knows the images
        start = {name: torch.from_numpy(array.copy()) for name, array in first.arrays.items()} if first else None
        network, best = convnet.fit_convnet(
            run, key, sets[0], sets[1] if len(sets) > 1 else None, classes, time, rounds or convnet.MOST_ROUNDS, start
        )
        saved = Saved({"rounds": best}, {name: value.numpy() for name, value in network.state_dict().items()})
        run.checkpoints.finish(key, saved)
    network = convnet.build(side, classes)
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in saved.arrays.items()})
    return Member("cnn", network, side, convnet.MEAN, convnet.SPREAD, rounds=saved.facts["rounds"]), ""


def _fit_transfer(
    run: RunContext, key: str, data: Data, train: np.ndarray, valid: np.ndarray | None, time: Slice, rounds: int
) -> tuple[Member | None, str]:
    """Features of all images but the test ones once, then softmax regression; the penalty is chosen on validation."""
    found = _features(run, data, np.arange(len(data.truth)) if valid is None else np.concatenate([train, valid]), time)
    if found is None:
        return None, "Computing the features of all images would take longer than the budget allows."
    x, side = found
    center, spread = x[train].mean(axis=0), x[train].std(axis=0) + 1e-3
    scaled = (x - center) / spread
    saved = run.checkpoints.finished(key)
    if saved is None:
        best, best_loss, start = None, float("inf"), None
        penalties = linear.SOFTMAX_PENALTIES if valid is not None else (linear.SOFTMAX_PENALTIES[rounds],)
        for step, penalty in enumerate(penalties):
            start = linear.fit_softmax(scaled[train], data.truth[train], len(data.classes), penalty, time, start)
            loss = (
                metrics.log_loss(data.truth[valid], probabilities(scaled[valid] @ start[0] + start[1], 1.0))
                if valid is not None
                else 0.0
            )
            run.progress.point(1, step, valid_loss=loss)
            if loss < best_loss:
                best, best_loss, best_step = start, loss, step
            if time.is_over():
                break
        assert best is not None
        saved = Saved({"rounds": best_step}, {"weight": best[0], "bias": best[1]})
        run.checkpoints.finish(key, saved)
    weight = saved.arrays["weight"] / spread[:, None]  # the scaling of the features goes into the head
    network = backbone.Classifier(
        side, weight.astype(np.float32), (saved.arrays["bias"] - center @ weight).astype(np.float32)
    )
    return Member("transfer", network.eval(), side, backbone.MEAN, backbone.SPREAD, rounds=saved.facts["rounds"]), ""


def _features(run: RunContext, data: Data, rows: np.ndarray, time: Slice) -> tuple[np.ndarray, int] | None:
    """[all images, 1280] with the given rows filled, and the size used; None when the time does not suffice."""
    saved = run.checkpoints.finished("features") or run.checkpoints.partial("features")
    if saved is None:
        largest = TRANSFER_SIDE_TINY if data.is_tiny else backbone.SIDES[0]
        side = backbone.affordable_side(len(rows), 0.8 * (time.seconds - time.used_s()), run.device, largest)
        if side == 0:
            return None
        saved = Saved(
            {"side": side, "done": 0}, {"x": np.zeros((len(data.truth), backbone.FEATURES), dtype=np.float32)}
        )
    side, x = saved.facts["side"], saved.arrays["x"]
    if run.checkpoints.finished("features") is not None:
        return x, side
    network = backbone.Backbone(side).to(run.device)
    for at in range(saved.facts["done"], len(rows), backbone.BATCH):
        mine = rows[at : at + backbone.BATCH]
        for part in backbone.features(network, iter([torch.cat(list(data.resized(mine, side)))]), run.device):
            x[mine] = part
        run.progress.alive()
        facts = {"side": side, "done": at + backbone.BATCH}
        run.checkpoints.offer("features", partial(Saved, facts, {"x": x}))
        if time.is_over():
            return None
    run.checkpoints.finish("features", Saved({"side": side, "done": len(rows)}, {"x": x}))
    return x, side


FIT = {"cnn": _fit_cnn, "transfer": _fit_transfer}


def _fit_again(run: RunContext, data: Data, parts: Parts, best: Member) -> Member:
    """The kept family on training + validation images too; left as it is when there is no time."""
    report = run.progress.candidates[best.family]
    rounds = max(1, round(CONTINUED_SHARE * best.rounds)) if best.family == "cnn" else best.rounds
    needed_s = (report.fit_seconds or 0.0) * (1.3 * CONTINUED_SHARE if best.family == "cnn" else 0.3)
    key = f"{best.family}-again"
    if run.checkpoints.finished(key) is None and (run.budget.is_stopped() or needed_s > run.budget.fitting_left_s()):
        run.progress.log("No time to fit again on training and validation images together; the first fit is kept.")
        return best
    run.progress.stage(f"fit {best.family} on all training images", 0.75, eta_seconds=run.budget.left_s())
    again, _ = FIT[best.family](run, key, data, parts.fitted, None, run.budget.slice(1.0), rounds)
    return again or best


def split(run: RunContext, data: Data) -> Parts:
    return by_share(data.groups, run.job.splits, run.job.seed)


def evaluate(run: RunContext, data: Data, fitted: Fitted, parts: Parts) -> EvaluationReport:
    return evaluation.of_labels(data, fitted, parts, run.job.seed)
