"""N-grams of words and of characters as sparse counts, weighed as TF-IDF: log(1 + count) x idf, each row of length one.

The vocabulary is what TfIdfVectorizer of ONNX takes: tuples of numbers. Counting goes over all texts at once: the
numbers of an n-gram are packed into one 63-bit key.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from workers.train.tokenise import SPACE, UNKNOWN, Stream


@dataclass(frozen=True)
class Kind:
    """Which n-grams count."""

    name: str
    sizes: tuple[int, ...]
    most: int  # n-grams in the vocabulary
    bits: int  # of one number in a key
    is_within_words: bool = False  # a space only at the ends


WORDS = Kind("words", (1, 2), 20_000, 21)
CHARACTERS = Kind("characters", (2, 3, 4, 5), 30_000, 12, is_within_words=True)


@dataclass(frozen=True)
class Vocabulary:
    """N-grams in the order of their columns, by size; idf per column."""

    kind: Kind
    grams: list[np.ndarray]  # per size [n, size] int64
    keys: list[np.ndarray]  # per size [n] int64, ascending
    idf: np.ndarray  # float32

    def __len__(self) -> int:
        return len(self.idf)


def _grams(stream: Stream, kind: Kind, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys and rows of all n-grams of one size that may be counted."""
    n = len(stream.values) - size + 1
    if n <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(stream.values, size)
    is_fine = (stream.rows[:n] == stream.rows[size - 1 :]) & (windows != UNKNOWN).all(axis=1)
    if kind.is_within_words and size > 2:
        is_fine &= (windows[:, 1:-1] != SPACE).all(axis=1)
    chosen = windows[is_fine]
    keys = np.zeros(len(chosen), np.int64)
    for place in range(size):
        keys = (keys << kind.bits) | chosen[:, place]
    return keys, stream.rows[:n][is_fine]


def learn_vocabulary(stream: Stream, texts: int, kind: Kind, least_texts: int = 2) -> Vocabulary:
    """The n-grams found in most texts (at least `least_texts`), at most `kind.most`."""
    candidates = []
    for size in kind.sizes:
        keys, rows = _grams(stream, kind, size)
        found, counts = np.unique(_distinct(keys, rows), return_counts=True)
        candidates.append((found[counts >= least_texts], counts[counts >= least_texts]))
    everything = np.concatenate([counts for _, counts in candidates])
    limit = np.sort(everything)[-kind.most] if len(everything) > kind.most else 0
    spare = kind.most - int((everything > limit).sum())  # of those exactly at the limit the first few are taken
    grams, keys_of, frequencies = [], [], []
    for size, (keys, counts) in zip(kind.sizes, candidates, strict=True):
        at_limit = np.flatnonzero(counts == limit)[: max(0, spare)]
        spare -= len(at_limit)
        kept = np.sort(np.concatenate([np.flatnonzero(counts > limit), at_limit])) if limit else np.arange(len(keys))
        parts = [(keys[kept] >> (kind.bits * (size - 1 - place))) & ((1 << kind.bits) - 1) for place in range(size)]
        grams.append(np.stack(parts, axis=1))
        keys_of.append(keys[kept])
        frequencies.append(counts[kept])
    frequency = np.concatenate(frequencies)
    idf = np.log((1 + texts) / (1 + frequency)) + 1
    return Vocabulary(kind, grams, keys_of, idf.astype(np.float32))


def _distinct(keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The keys, each once per row."""
    if not len(keys):
        return keys
    order = np.lexsort((rows, keys))
    keys, rows = keys[order], rows[order]
    is_new = np.concatenate([[True], (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])])
    return keys[is_new]


def weigh(vocabulary: Vocabulary, stream: Stream, texts: int) -> sparse.csr_matrix:
    """[texts, len(vocabulary)] float32, rows of length one (or zero)."""
    rows_of, columns = [], []
    before = 0
    for size, keys in zip(vocabulary.kind.sizes, vocabulary.keys, strict=True):
        found, rows = _grams(stream, vocabulary.kind, size)
        if len(keys) and len(found):
            places = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
            is_known = keys[places] == found
            rows_of.append(rows[is_known])
            columns.append(places[is_known] + before)
        before += len(keys)
    at = (np.concatenate(rows_of), np.concatenate(columns)) if rows_of else (np.zeros(0, int), np.zeros(0, int))
    counts = sparse.coo_matrix((np.ones(len(at[0]), np.float32), at), shape=(texts, before)).tocsr()
    counts.data = np.log1p(counts.data) * vocabulary.idf[counts.indices]
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    scale = 1 / np.maximum(lengths, 1e-12)
    counts.data = (counts.data * np.repeat(scale, np.diff(counts.indptr))).astype(np.float32)
    return counts
