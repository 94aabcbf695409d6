"""Deficit round robin: organisations take turns, measured in rows, so one that floods waits behind itself."""

from collections import deque
from typing import Any

QUANTUM_ROWS = 8


class FairQueue:
    def __init__(self) -> None:
        self.rows = 0
        self._count = 0
        self._lanes: dict[str, deque[tuple[Any, int]]] = {}
        self._turns: deque[str] = deque()
        self._deficit: dict[str, int] = {}

    def __len__(self) -> int:
        return self._count

    def add(self, owner: str, item: Any, rows: int) -> None:
        lane = self._lanes.get(owner)
        if lane is None:
            lane = self._lanes[owner] = deque()
            self._turns.append(owner)
            self._deficit[owner] = 0
        lane.append((item, rows))
        self.rows += rows
        self._count += 1

    def take(self, most_rows: int) -> list[Any]:
        """Return the next items: at least one, then as many as fit into `most_rows`."""
        taken: list[Any] = []
        room = most_rows
        if len(self._turns) == 1:
            return self._take_alone(self._turns[0], most_rows)
        while self._turns:
            owner = self._turns[0]
            lane = self._lanes[owner]
            self._deficit[owner] += QUANTUM_ROWS
            while lane and lane[0][1] <= self._deficit[owner]:
                rows = lane[0][1]
                if taken and rows > room:
                    return taken
                taken.append(self._pop(owner, lane))
                self._deficit[owner] -= rows
                room -= rows
            self._turns.popleft()
            if lane:
                self._turns.append(owner)
            else:
                self._forget(owner)
            if room <= 0:
                break
        return taken

    def _take_alone(self, owner: str, most_rows: int) -> list[Any]:
        lane = self._lanes[owner]
        taken: list[Any] = []
        while lane and (not taken or lane[0][1] <= most_rows):
            most_rows -= lane[0][1]
            taken.append(self._pop(owner, lane))
        if not lane:
            self._turns.popleft()
            self._forget(owner)
        return taken

    def _pop(self, owner: str, lane: deque[tuple[Any, int]]) -> Any:
        item, rows = lane.popleft()
        self.rows -= rows
        self._count -= 1
        return item

    def _forget(self, owner: str) -> None:
        del self._lanes[owner], self._deficit[owner]
