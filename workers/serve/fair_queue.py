"""Deficit round robin: organisations take turns, so one that floods waits behind itself.

A turn is measured in rows; the caller makes them worth equal times, because what a row costs differs by model.
"""

from collections import deque
from typing import Any


class FairQueue:
    def __init__(self) -> None:
        self.rows = 0
        self._count = 0
        self._lanes: dict[str, deque[tuple[Any, int]]] = {}
        self._turns: deque[str] = deque()
        self._deficit: dict[str, int] = {}
        self._is_in_turn = False  # the first of the turns has had its quantum

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

    def take(self, most_rows: int, quantum_rows: int) -> list[Any]:
        """Return the next items: at least one, then as many as fit into `most_rows`. A turn may span several calls;
        it gives an owner `quantum_rows` once, and ends when the next item is larger than what is left of them."""
        taken: list[Any] = []
        room = most_rows
        if len(self._turns) == 1:
            return self._take_alone(self._turns[0], most_rows)
        while self._turns:
            owner = self._turns[0]
            lane = self._lanes[owner]
            if not self._is_in_turn:
                self._is_in_turn = True
                self._deficit[owner] += quantum_rows
            while lane and lane[0][1] <= self._deficit[owner]:
                rows = lane[0][1]
                if taken and rows > room:
                    return taken
                taken.append(self._pop(owner, lane))
                self._deficit[owner] -= rows
                room -= rows
            self._end_turn(owner, lane)
            if room <= 0:
                break
        return taken

    def _end_turn(self, owner: str, lane: deque[tuple[Any, int]]) -> None:
        self._is_in_turn = False
        self._turns.popleft()
        if lane:
            self._turns.append(owner)
        else:
            self._forget(owner)

    def _take_alone(self, owner: str, most_rows: int) -> list[Any]:
        lane = self._lanes[owner]
        taken: list[Any] = []
        while lane and (not taken or lane[0][1] <= most_rows):
            most_rows -= lane[0][1]
            taken.append(self._pop(owner, lane))
        self._is_in_turn = False
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
