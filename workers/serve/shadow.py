"""Copies of answered requests for models in the shadow: run later, by one thread, compared, counted, thrown away.

A copy is never billed and takes nothing that a caller waits for: the queue is short, what does not fit is dropped and
counted, and while callers wait the thread steps back before each copy. It is not made nice to the kernel: a thread
that is put off while it holds the interpreter's lock would hold up the callers.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import orjson

from workers.serve.agree import agree
from workers.serve.batching import answer_batch
from workers.serve.call import IMAGE, IMAGES, Call
from workers.serve.problems import Refused

if TYPE_CHECKING:
    from workers.serve.directory import Live

log = logging.getLogger(__name__)

MAX_WAITING = 256  # copies
MAX_WAITING_BYTES = 64 * 1024 * 1024
_ROW_BYTES = 1024  # a guess for rows that are Python objects
TOO_LATE_S = 10.0
PAUSE_S = 0.002
STEP_BACK_S = 0.05  # under a load that never ends copies still run, so many a second
COMPARED, DISAGREED, FAILED, DROPPED = range(4)


class Copy:
    """What the shadow is asked, and what the caller was told. `primary` is the model that answered."""

    __slots__ = ("bytes", "call", "live", "outcome", "primary", "taken_s")

    def __init__(self, call: Call, live: Live, outcome: list[Any], size_bytes: int) -> None:
        self.call = _copied(call)
        self.bytes = size_bytes
        self.live = live
        self.primary = call.model
        self.outcome = outcome
        self.taken_s = monotonic()


class Shadows:
    def __init__(self, busy: Callable[[], bool], back: Callable[..., Any]) -> None:
        """`busy()` tells whether callers wait; `back(callback, *arguments)` runs on the event loop."""
        self._busy = busy
        self._back = back
        self._waiting: deque[Copy] = deque()
        self._bytes = 0
        self._grown = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def offer(self, call: Call, shadows: tuple[Live, ...], outcome: list[Any]) -> None:
        """Copy an answered call to each shadow that wants this one. Called on the event loop, after the answer."""
        for live in shadows:
            if live.version == call.model_version or random.random() * 100 >= live.weight:
                continue
            size_bytes = _size_bytes(call)
            if len(self._waiting) >= MAX_WAITING or self._bytes + size_bytes > MAX_WAITING_BYTES:
                live.tally.shadow[DROPPED] += 1
                continue
            self._bytes += size_bytes
            self._waiting.append(Copy(call, live, outcome, size_bytes))
            self._wake()

    def stop(self) -> None:
        self._stopping = True
        self._grown.set()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work_on, name="shadow", daemon=True)
            self._thread.start()
        self._grown.set()

    def _work_on(self) -> None:
        while not self._stopping:
            self._grown.wait()
            self._grown.clear()
            while self._waiting and not self._stopping:
                self._take(self._waiting.popleft())

    def _take(self, copy: Copy) -> None:
        until_s = monotonic() + STEP_BACK_S
        while self._busy() and monotonic() < until_s and not self._stopping:
            sleep(PAUSE_S)
        if monotonic() - copy.taken_s >= TOO_LATE_S:
            self._back(self._settled, copy, DROPPED, 0.0)
            return
        started_s = monotonic()
        verdict = self._compare(copy)
        self._back(self._settled, copy, verdict, monotonic() - started_s)

    def _compare(self, copy: Copy) -> int:
        """Never raises: a shadow that fails is a number on a page."""
        try:
            model = copy.live.model
            model.used_s = monotonic()
            if copy.call.kind in (IMAGE, IMAGES):  # pictures, whatever the model calls its input
                copy.call.feed = {model.manifest.inputs[0].name: next(iter((copy.call.feed or {}).values()))}
            (answer,) = answer_batch(model, [copy.call])
            if isinstance(answer, Refused):
                return FAILED
            told, answered = _entries(copy.outcome, copy.primary), _entries(answer, model)
            return COMPARED if agree(told, answered) else DISAGREED
        except Exception:
            log.exception("a shadow of endpoint %s failed", copy.live.tally.endpoint)
            return FAILED

    def _settled(self, copy: Copy, verdict: int, took_s: float) -> None:
        """On the event loop, because only it counts."""
        self._bytes -= copy.bytes
        tally = copy.live.tally
        tally.shadow[verdict] += 1
        if verdict == DISAGREED:
            tally.shadow[COMPARED] += 1
        if verdict in (COMPARED, DISAGREED):
            tally.ran_in_shadow(took_s)


def _copied(call: Call) -> Call:
    """The question alone: nothing of it leads back to the caller's connection, money or answer."""
    twin = Call.__new__(Call)
    for name in Call.__slots__:
        with contextlib.suppress(AttributeError):
            setattr(twin, name, getattr(call, name))
    twin.connection = None  # type: ignore[assignment]  # nobody listens
    twin.leases, twin.predictions, twin.out = (), None, None
    return twin


def _size_bytes(call: Call) -> int:
    if call.feed:
        return sum(_tensor_bytes(tensor) for tensor in call.feed.values())
    return call.units * _ROW_BYTES


def _entries(outcome: list[Any], model: Any) -> list[Any]:
    """Predictions as the JSON contract has them; a tensor protocol's answer is read by the model's manifest."""
    if len(outcome) == 1 and isinstance(outcome[0], dict) and model is not None:
        outcome = model.writer.write(outcome[0])
    return [orjson.loads(one) if isinstance(one, bytes) else one for one in outcome]


def _tensor_bytes(tensor: Any) -> int:
    return sum(map(_tensor_bytes, tensor)) if isinstance(tensor, list) else int(getattr(tensor, "nbytes", 0))
