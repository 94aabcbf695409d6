"""Does the exported model answer like the trained one? Rows go through both, at several batch sizes."""

import numpy as np
import onnxruntime

from contracts.manifests import ParityCertificate
from workers.export import ranking_onnx
from workers.export.ranking_parity import Difference, Ranked, compare
from workers.serve.session_options import session_options

BATCH_SIZES = (1, 7, 64)  # 1: a frozen batch shows; 7: an odd remainder shows; 64: the usual load
MOST_ROWS = 1_000
TOLERANCE_PROBABILITY = 1e-4
COMPARED = ("probabilities", "value", "vector", "scores")  # the output that is compared: the first there is
TOLERANCE_VALUE = 1e-5  # of the spread of the reference values


ENDLESS = 1e30  # stands for "not a number" in JSON

Feed = dict[str, np.ndarray]


def open_session(model: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, session_options(threads), providers=["CPUExecutionProvider"])


def in_batches(session: onnxruntime.InferenceSession, output: str, feed: Feed, size: int) -> np.ndarray:
    rows = len(next(iter(feed.values())))
    answers = [
        session.run([output], {name: values[at : at + size] for name, values in feed.items()})[0]
        for at in range(0, rows, size)
    ]
    return np.concatenate(answers)


class _Tally:
    """The worst difference and the flipped labels over all groups and batch sizes."""

    def __init__(self, limit: float) -> None:
        self.limit, self.worst, self.flips, self.far_flips = limit, 0.0, 0, 0

    def add(self, answer: np.ndarray, reference: np.ndarray) -> None:
        if answer.shape != reference.shape or not np.isfinite(answer).all():
            self.worst = ENDLESS
            return
        self.worst = max(self.worst, float(np.abs(answer - reference).max(initial=0.0)))
        if reference.ndim == 2:
            flipped = answer.argmax(axis=1) != reference.argmax(axis=1)
            top = np.sort(reference, axis=1)[:, -2:]
            self.flips = max(self.flips, int(flipped.sum()))
            # Two classes closer than the tolerance are a draw: which one wins is decided by the last bit.
            self.far_flips = max(self.far_flips, int((flipped & (top[:, 1] - top[:, 0] > 2 * self.limit)).sum()))


def _ranked(session: onnxruntime.InferenceSession, feed: Feed, size: int) -> Ranked:
    given = {one.name for one in session.get_outputs()}
    names = [name for name in (ranking_onnx.RANKED, ranking_onnx.SCORES, ranking_onnx.RATINGS) if name in given]
    rows = len(feed[ranking_onnx.USER])
    answers = [
        session.run(names, {name: values[at : at + size] for name, values in feed.items()})
        for at in range(0, rows, size)
    ]
    return Ranked(*(np.concatenate(one) for one in zip(*answers, strict=True)))


def _certify_rankings(
    session: onnxruntime.InferenceSession,
    groups: list[tuple[Feed, Ranked]],
    *,
    reference_name: str,
    model_sha256: str,
    limit: float,
) -> ParityCertificate:
    found: list[Difference] = []
    for size in BATCH_SIZES:
        found += [compare(_ranked(session, feed, size), reference, limit) for feed, reference in groups]
    worst, flips = max(one.worst for one in found), max(one.flips for one in found)
    return ParityCertificate(
        rows=sum(len(reference) for _, reference in groups),
        batch_sizes=list(BATCH_SIZES),
        max_abs_difference=worst,
        tolerance=limit,
        label_flips=flips,
        passed=worst <= limit and flips == 0,
        reference=reference_name,
        runtime=f"onnxruntime {onnxruntime.__version__} {session.get_providers()[0]}",
        model_sha256=model_sha256,
    )


def certify(
    session: onnxruntime.InferenceSession,
    groups: list[tuple[Feed, np.ndarray]] | list[tuple[Feed, Ranked]],
    *,
    reference_name: str,
    model_sha256: str,
    tolerance: float | None = None,
) -> ParityCertificate:
    """`groups`: inputs and what the training framework said: probabilities [N, C], values [N], [N, H] or rankings."""
    ranked = [(feed, reference) for feed, reference in groups if isinstance(reference, Ranked)]
    if ranked:
        return _certify_rankings(
            session,
            ranked,
            reference_name=reference_name,
            model_sha256=model_sha256,
            limit=tolerance or TOLERANCE_PROBABILITY,
        )
    plain = [(feed, reference) for feed, reference in groups if not isinstance(reference, Ranked)]
    everything = np.concatenate([reference for _, reference in plain])
    given = {one.name for one in session.get_outputs()}
    name = next(one for one in COMPARED if one in given)
    is_classifier = name == "probabilities"
    spread = 1.0 if is_classifier else float(np.std(everything)) + float(np.abs(everything).max()) * 0.1
    limit = tolerance or (TOLERANCE_PROBABILITY if is_classifier else TOLERANCE_VALUE * spread)
    tally = _Tally(limit)
    for size in BATCH_SIZES:
        for feed, reference in plain:
            answer = in_batches(session, name, feed, size).astype(np.float64)
            if not is_classifier and answer.shape == reference.shape:
                answer, reference = answer.reshape(-1), reference.reshape(-1)
            tally.add(answer, reference)
    return ParityCertificate(
        rows=len(everything),
        batch_sizes=list(BATCH_SIZES),
        max_abs_difference=tally.worst,
        tolerance=limit,
        label_flips=tally.flips,
        passed=tally.worst <= limit and tally.far_flips == 0,
        reference=reference_name,
        runtime=f"onnxruntime {onnxruntime.__version__} {session.get_providers()[0]}",
        model_sha256=model_sha256,
    )
