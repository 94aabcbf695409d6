"""Counts distinct values in bounded memory: exactly while they are few, by the k smallest hashes when they are many.

Needs PYTHONHASHSEED to be fixed, else two checks of one file could estimate differently.
"""

import heapq
from collections import Counter

import numpy as np


class Distinct:
    """`counts` holds every value while there are at most `capacity`; afterwards only the estimate grows."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.counts: Counter[object] = Counter()
        self.is_exact = True
        self._smallest = np.empty(0, np.uint64)

    def add(self, values: list[object], counts: list[int]) -> None:
        if self.is_exact and len(self.counts) + len(values) <= 4 * self._capacity:
            for value, count in zip(values, counts, strict=True):
                self.counts[value] += count
            if len(self.counts) > self._capacity:
                self._go_approximate()
            return
        if self.is_exact:
            self._go_approximate()
        if not self.counts:
            self._seed(values, counts)
        else:
            found = dict(zip(values, counts, strict=True))
            for value in self.counts.keys() & found.keys():
                self.counts[value] += found[value]
        self._merge(values)

    def _seed(self, values: list[object], counts: list[int]) -> None:
        """Begin with the most frequent values of a first batch that is too varied to keep whole."""
        order = np.argsort(-np.array(counts), kind="stable")[: self._kept()]
        self.counts = Counter({values[place]: counts[place] for place in order.tolist()})

    def _kept(self) -> int:
        return max(200, self._capacity // 10)

    def number(self) -> int:
        """How many distinct values there were."""
        if self.is_exact or len(self._smallest) < self._capacity:
            return len(self.counts) if self.is_exact else len(self._smallest)
        return int((self._capacity - 1) / (float(self._smallest[-1]) / 2**64))

    def top(self, limit: int) -> list[tuple[object, int]]:
        """The most frequent values seen, most frequent first, ties in the order of the values."""
        return heapq.nsmallest(limit, self.counts.items(), key=lambda item: (-item[1], str(item[0])))

    def _go_approximate(self) -> None:
        self.is_exact = False
        self._merge(list(self.counts))
        self.counts = Counter(dict(self.top(self._kept())))

    def _merge(self, values: list[object]) -> None:
        hashes = spread(np.fromiter(map(hash, values), np.int64, len(values)).view(np.uint64))
        if len(self._smallest) == self._capacity:
            hashes = hashes[hashes < self._smallest[-1]]
        if len(hashes):
            self._smallest = different(np.concatenate([self._smallest, hashes]))[: self._capacity]


def spread(hashes: np.ndarray) -> np.ndarray:
    """Spread hashes over 64 bits, as hashes of numbers are the numbers themselves."""
    with np.errstate(over="ignore"):
        hashes = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
        hashes = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(hashes ^ (hashes >> np.uint64(32)))


def different(values: np.ndarray) -> np.ndarray:
    """Sorted values without repeats; numpy's own `unique` takes minutes where this takes a second."""
    ordered = np.sort(values)
    is_new = np.ones(len(ordered), bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    return np.asarray(ordered[is_new])
