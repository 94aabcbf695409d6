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
        if self.is_exact:
            for value, count in zip(values, counts, strict=True):
                self.counts[value] += count
            if len(self.counts) > self._capacity:
                self._go_approximate()
            return
        known = self.counts
        for value, count in zip(values, counts, strict=True):
            if value in known:
                known[value] += count
        self._merge(values)

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
        keep = max(200, self._capacity // 10)
        self.counts = Counter(dict(self.top(keep)))

    def _merge(self, values: list[object]) -> None:
        hashes = np.fromiter((_spread(hash(value)) for value in values), np.uint64, len(values))
        self._smallest = np.unique(np.concatenate([self._smallest, hashes]))[: self._capacity]


def _spread(value: int) -> int:
    """Spread a hash over 64 bits, as hashes of numbers are the numbers themselves."""
    value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    value = (value ^ (value >> 29)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    return value ^ (value >> 32)
