"""When the quick road takes its next step: at once, but while the disk has records under way only when as many wait.

A step for many costs little more than one for few, and answers leave only when their records are on the disk: so those
who come while it syncs lose nothing by waiting for company, and everybody gains the time that small steps would take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle

PATIENCE_S = 0.005  # a disk that takes longer than this is not waited for


class NextStep:
    """`take` is called on the event loop, after all that a turn of the loop brought has been told with `came`."""

    def __init__(self, loop: AbstractEventLoop, take: Callable[[], None]) -> None:
        self._loop = loop
        self._take = take
        self._waiting = 0  # requests that no step has taken up
        self._syncing = 0  # requests whose records are on their way to the disk
        self._is_due = False
        self._patience: TimerHandle | None = None

    def came(self, requests: int = 1) -> None:
        self._waiting += requests
        if not self._is_due:
            self._consider()

    def syncing(self, requests: int) -> None:
        self._syncing += requests

    def synced(self, requests: int) -> None:
        self._syncing -= requests
        if self._waiting and not self._is_due:
            self._consider()

    def _consider(self) -> None:
        if self._waiting >= self._syncing:
            self._is_due = True
            self._loop.call_soon(self._step)
        elif self._patience is None:
            self._patience = self._loop.call_later(PATIENCE_S, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        if self._waiting and not self._is_due:
            self._step()

    def _step(self) -> None:
        self._is_due, self._waiting = False, 0
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._take()
