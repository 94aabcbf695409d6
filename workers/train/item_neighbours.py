"""Recommenders that count: popularity, items met by the same people, and items met right after one another."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from workers.export.ranking_parts import Constant, Matrix, Neighbours
from workers.train.interactions import Log

DENSE_MOST_ITEMS = 2_000  # 16 MB; above, only the strongest entries of each row are kept
KEPT_NEIGHBOURS = 128
LATEST = 200  # events of a history that neighbours are looked up for, when only the strongest are kept
HISTORY_MOST = 500  # events of one person that are paired with each other: the latest
REACH = 3  # how far apart two events are still "one after the other"
BLOCK = 1_000
REMEMBERED_MOST = 20_000_000  # pairs of items whose counts are kept: 240 MB


@dataclass(frozen=True)
class Similarity:
    """Count ** 1 / (popularity of the one × of the other) ** power; small counts are shrunk."""

    power_met: float
    power_scored: float
    shrink: float


def popularity(log: Log, rows: np.ndarray, half_life_share: float = 0.0) -> Constant:
    """Logarithm of how often each item was met; with a half-life (a share of the log's span) old events fade."""
    weights = None
    if half_life_share and log.has_time:
        finite = log.time[rows][np.isfinite(log.time[rows])]
        newest, oldest = (finite.max(), finite.min()) if len(finite) else (0.0, 0.0)
        age = newest - np.maximum(log.time[rows], oldest)
        weights = np.power(0.5, age / max((newest - oldest) * half_life_share, 1e-9))
    counts = np.bincount(log.item[rows], weights=weights, minlength=len(log.items))
    return Constant(np.log1p(counts).astype(np.float32))


def pairs_of(log: Log, rows: np.ndarray) -> sp.csr_matrix:
    """[users, items] of each person's latest events."""
    counts = np.bincount(log.user[rows], minlength=len(log.users))
    ends = np.cumsum(counts)
    recent = rows[np.arange(len(rows)) >= (ends - HISTORY_MOST)[log.user[rows]]]
    return log.matrix(recent)


def followers(log: Log, rows: np.ndarray) -> sp.csr_matrix:
    """[items, items]: how often the column was met within REACH events after the row; nearer counts more."""
    items = len(log.items)
    total = sp.csr_matrix((items, items))
    user, item = log.user[rows], log.item[rows]
    for gap in range(1, REACH + 1):
        same = np.flatnonzero(user[gap:] == user[:-gap])
        found = (np.full(len(same), 1.0 / gap), (item[same], item[same + gap]))
        total = total + sp.csr_matrix(found, shape=(items, items))
    return total.tocsr()


def remembered(met: sp.csr_matrix) -> Callable[[slice], sp.csr_matrix]:
    """How often two items were met by the same person, rows of a block; kept while it is small."""
    columns, size = met.tocsc(), 0
    known: dict[int, sp.csr_matrix] = {}

    def counts_of(block: slice) -> sp.csr_matrix:
        nonlocal size
        if block.start in known:
            return known[block.start]
        counts = (columns[:, block].T @ met).tocsr()
        if size + counts.nnz <= REMEMBERED_MOST:
            known[block.start] = counts
            size += counts.nnz
        return counts

    return counts_of


def from_counts(
    counts_of: Callable[[slice], sp.csr_matrix], popular: np.ndarray, how: Similarity, alive: Callable[[], object]
) -> Matrix | Neighbours:
    """Similarities of every item with every other, block by block. `counts_of(block)` gives rows [block, I]."""
    items = len(popular)
    width = np.maximum(popular, 1.0)
    dense = np.zeros((items, items), np.float32) if items <= DENSE_MOST_ITEMS else None
    kept = empty_neighbours(items)
    for at in range(0, items, BLOCK):
        block = slice(at, min(items, at + BLOCK))
        counts = counts_of(block).tocoo()
        row, column = counts.row + at, counts.col
        values = counts.data / (width[row] ** how.power_met * width[column] ** how.power_scored + how.shrink)
        values[row == column] = 0.0
        if dense is not None:
            dense[row, column] = values
        else:
            keep_strongest(kept, at, sp.csr_matrix((values, (counts.row, column)), shape=counts.shape))
        alive()
    return kept if dense is None else Matrix(dense)


def empty_neighbours(items: int) -> Neighbours:
    wide = min(KEPT_NEIGHBOURS, items)
    return Neighbours(np.full((items + 1, wide), items, np.int32), np.zeros((items + 1, wide), np.float32))


def keep_strongest(kept: Neighbours, at: int, rows: sp.csr_matrix) -> None:
    """Write the strongest entries of each row of the block that begins at item `at`."""
    wide = kept.items.shape[1]
    for row in range(rows.shape[0]):
        stretch = slice(rows.indptr[row], rows.indptr[row + 1])
        columns, values = rows.indices[stretch], rows.data[stretch]
        if len(values) > wide:
            strongest = np.sort(np.argpartition(-np.abs(values), wide)[:wide])
            columns, values = columns[strongest], values[strongest]
        kept.items[at + row, : len(columns)] = columns
        kept.values[at + row, : len(columns)] = values


def thinned(values: np.ndarray, items: int) -> Matrix | Neighbours:
    """A full matrix over the first M items as it will be shipped: whole when all is small, else the strongest."""
    if items <= DENSE_MOST_ITEMS:
        full = np.zeros((items, items), np.float32)
        full[: len(values), : len(values)] = values
        return Matrix(full)
    kept = empty_neighbours(items)
    wide = min(kept.items.shape[1], values.shape[1] - 1)
    strongest = np.sort(np.argpartition(-np.abs(values), wide, axis=1)[:, :wide], axis=1)
    kept.items[: len(values), :wide] = strongest
    kept.values[: len(values), :wide] = np.take_along_axis(values, strongest, axis=1)
    return kept
